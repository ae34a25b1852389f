"README.md from nbs/index.ipynb: its Markdown, its code and its text or table outputs. `--check` only compares."

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- made from nbs/index.ipynb by `make readme`: edit that notebook -->\n\n"


def output_text(output):
    "One output as Markdown: Markdown as it is, plain text in a fence."
    if output["output_type"] == "stream":
        return "```text\n" + "".join(output["text"]).rstrip() + "\n```"
    data = output.get("data", {})
    if "text/markdown" in data:
        return "".join(data["text/markdown"])
    return "```text\n" + "".join(data.get("text/plain", "")).rstrip() + "\n```"


def cell_text(cell):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    if cell["cell_type"] != "code" or "#| hide" in source:
        return []
    code = "\n".join(line for line in source.splitlines() if not line.startswith("#|"))
    return [f"```python\n{code.strip()}\n```", *(output_text(o) for o in cell["outputs"])]


def readme():
    notebook = json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8"))
    parts = [part for cell in notebook["cells"] for part in cell_text(cell)]
    return NOTE + _from_root("\n\n".join(parts)) + "\n"


def _from_root(text):
    "Links of a notebook in nbs/ as links from the top folder."
    return re.sub(r"\]\((?!https?://|#|\.\./)", "](nbs/", text).replace("](../", "](")


if __name__ == "__main__":
    path = ROOT / "README.md"
    if "--check" in sys.argv:
        if path.read_text(encoding="utf-8") != readme():
            sys.exit("README.md is not what nbs/index.ipynb says. Run `make readme`.")
    else:
        path.write_text(readme(), encoding="utf-8")

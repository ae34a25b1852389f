"Reads settings.ini, the one place of metadata, and puts the top-level templates/ into the wheel as mltoolkit/_templates."

import configparser
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
EXTRAS = ("spark", "sql", "shared", "dask", "boosting", "conformal", "ops", "stream", "dev")


def settings():
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read(HERE / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


class BuildWithTemplates(build_py):
    "Copies templates/ into the build folder; an editable install reads them from the checkout instead."

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return
        target = Path(self.build_lib) / "mltoolkit" / "_templates"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(HERE / "templates", target, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", "*.pyc"))

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        if getattr(self, "editable_mode", False):
            return outputs
        target = Path(self.build_lib) / "mltoolkit" / "_templates"
        return outputs + [str(target / p.relative_to(HERE / "templates")) for p in (HERE / "templates").rglob("*") if p.is_file()]


cfg = settings()
extras = {name: cfg[name].split() for name in EXTRAS}
same = "xgboost-cpu"  # xgboost without its GPU part: one of the two is enough
extras["all"] = sorted({package for name in EXTRAS for package in extras[name] if not package.startswith(same)})
setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    author=cfg["author"],
    license=cfg["license"],
    license_files=["LICENSE"],
    python_requires=f">={cfg['min_python']}",
    keywords=cfg["keywords"].split(),
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    packages=find_packages(include=["mltoolkit", "mltoolkit.*"]),
    package_data={"mltoolkit": ["data/nycflights13/*", "profiling/static/*", "widgets/static/*"]},
    zip_safe=False,
    install_requires=cfg["requirements"].split(),
    extras_require=extras,
    classifiers=["Development Status :: 3 - Alpha", "Framework :: Jupyter", "Programming Language :: Python :: 3"],
    cmdclass={"build_py": BuildWithTemplates},
    entry_points={"nbdev": ["mltoolkit=mltoolkit._modidx:d"], "console_scripts": cfg["console_scripts"].split()},
)

"A notebook-first toolkit for machine learning on tables. `import mltoolkit as mlt` is cheap: every name is loaded when first used."
__version__ = "0.1.0"

import os as _os
from importlib import import_module as _import_module

# Idle OpenBLAS threads spin before they sleep, which cost a tenth of the processor time of a profile of 336,776 rows. Here they
# sleep at once, unless somebody has said otherwise or NumPy was there first. How many threads there are is left alone.
_os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "8")

_HOME = {
    "mltoolkit.core": ["Cancel", "Cancelled", "InputError", "MltoolkitError", "Result"],
    "mltoolkit.data.dataset": ["Dataset", "load"],
    "mltoolkit.data.examples": ["load_example"],
    "mltoolkit.data.contract": ["Contract", "ContractReport", "check", "infer_contract"],
    "mltoolkit.profiling.profiler": ["TableProfile", "profile"],
    "mltoolkit.modeling.proposal": ["SplitProposal", "propose_split"],
    "mltoolkit.modeling.splitting": ["Split", "split"],
    "mltoolkit.modeling.comparison": ["Comparison", "compare"],
    "mltoolkit.modeling.tuning": ["Tuning", "tune"],
    "mltoolkit.modeling.nested": ["NestedTuning", "nested_tune"],
    "mltoolkit.modeling.sentinel": ["LeakageCheck", "check_leakage"],
    "mltoolkit.modeling.learning": ["LearningCurve", "learning_curve"],
    "mltoolkit.modeling.imbalance": ["ImbalanceStudy", "compare_imbalance"],
    "mltoolkit.modeling.locked": ["TestOutcome", "open_test"],
    "mltoolkit.modeling.bands": ["Band"],
    "mltoolkit.modeling.decision": ["CostTable", "Decision", "decide", "evaluate_at"],
    "mltoolkit.modeling.calibration_check": ["CalibrationCheck", "check_calibration"],
    "mltoolkit.modeling.calibration_comparison": ["CalibrationComparison", "compare_calibration"],
    "mltoolkit.modeling.conformal": ["Conformal", "conformal"],
    "mltoolkit.explainability.explainer": ["Explainer"],
    "mltoolkit.explainability.permutation": ["PermutationImportance", "permutation_importance"],
    "mltoolkit.explainability.attribution": ["Explanation", "explain"],
    "mltoolkit.explainability.effects": ["Effects", "effects"],
    "mltoolkit.explainability.interactions": ["Interactions", "interactions"],
    "mltoolkit.explainability.stability": ["Stability", "stability"],
    "mltoolkit.explainability.cohorts": ["Cohorts", "compare_cohorts"],
    "mltoolkit.explainability.reasons": ["ReasonCodes", "reason_codes"],
    "mltoolkit.explainability.counterfactuals": ["Counterfactuals", "counterfactuals"],
    "mltoolkit.explainability.prototypes": ["Prototypes", "prototypes"],
    "mltoolkit.explainability.similar": ["SimilarRows", "similar_rows"],
    "mltoolkit.explainability.slices": ["SliceReport", "slices"],
    "mltoolkit.explainability.error_slices": ["ErrorSlices", "find_slices"],
    "mltoolkit.explainability.over_time": ["OverTime", "over_time"],
    "mltoolkit.explainability.fairness": ["Fairness", "fairness"],
    "mltoolkit.production.recipe": ["Recipe"],
    "mltoolkit.production.runs": ["Run", "runs"],
    "mltoolkit.production.pipeline": ["run"],
    "mltoolkit.widgets.profile_lab": ["ProfileLab"],
    "mltoolkit.widgets.validation_lab": ["ValidationLab"],
    "mltoolkit.widgets.imbalance_lab": ["ImbalanceLab"],
    "mltoolkit.widgets.tuning_lab": ["TuningLab"],
    "mltoolkit.widgets.decision_lab": ["DecisionLab"],
    "mltoolkit.widgets.explain_lab": ["ExplainLab"],
    "mltoolkit.widgets.lab": ["Lab"],
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_WHERE)


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module 'mltoolkit' has no attribute {name!r}")
    value = getattr(_import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])

"""The notebooks of examples/, generated from the scripts of the same name.

python -m tests.docs.notebooks

regenerates them.
"""

from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = ("01_first_retrieval", "08_product_in_xarray", "09_urban_heat_island")


def notebook_of(script):
    """Text of the notebook of a script, reproducible."""
    import jupytext
    import nbformat

    made = jupytext.reads(script, fmt="py:percent")
    for number, cell in enumerate(made.cells, 1):
        cell.id = f"cell-{number}"  # random by default
        cell.metadata = {}
    made.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    made.nbformat, made.nbformat_minor = 4, 5
    return nbformat.writes(made) + "\n"


if __name__ == "__main__":
    for name in SCRIPTS:
        (EXAMPLES / f"{name}.ipynb").write_text(notebook_of((EXAMPLES / f"{name}.py").read_text()))

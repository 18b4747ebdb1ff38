"""Floor 7: figures. They need matplotlib, which comes with ``pip install "msjax[plot]"``.

Every function returns a ``matplotlib.figure.Figure``; nothing is shown or written, and no global state of matplotlib
is touched.
"""

from msjax.plot.calibration import fit as fit
from msjax.plot.cells import convergence as convergence
from msjax.plot.cells import field as field
from msjax.plot.cells import phases as phases
from msjax.plot.fe import budget as budget
from msjax.plot.fe import deformed as deformed
from msjax.plot.fe import history as history
from msjax.plot.films import films as films
from msjax.plot.phonons import dispersion as dispersion
from msjax.plot.stability import stability_map as stability_map
from msjax.plot.style import save as save

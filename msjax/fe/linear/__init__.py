"""Linear solvers of finite elements: one protocol, on the device or on the host."""

from msjax.fe.linear.aggregation import Aggregation as Aggregation
from msjax.fe.linear.choice import default_solver as default_solver
from msjax.fe.linear.direct import Direct as Direct
from msjax.fe.linear.krylov import Krylov as Krylov
from msjax.fe.linear.multigrid import Multigrid as Multigrid
from msjax.fe.linear.protocol import LinearSolver as LinearSolver

"""`python -m tcpformer.cli`: what `accelerate launch -m` and `torchrun -m` start."""

from . import main

main()

"""The columns of the table: each peer trains the same work in its own way, a file each.

A peer's process imports its own file only, for JAX and scikit-learn need not be installed.
"""

from benchmarks.peers.base import Peer, installed, load_peer, peer_names

__all__ = ["Peer", "installed", "load_peer", "peer_names"]

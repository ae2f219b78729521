"""Measurements that the documentation quotes, taken under the contract of `README.md` in this folder."""

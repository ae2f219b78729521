"""Fuzzer of every reader: damaged files must give a result or one line, in bounded time and memory."""

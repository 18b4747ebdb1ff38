"""Fixtures of the tests of potential files."""

import pytest


@pytest.fixture
def write(tmp_path):
    """``write(content)``: a file of that text or those bytes, by the name of ``test.eam``."""

    def write(content):
        path = tmp_path / "test.eam"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write

from runward.testing.libraries import LibrariesSuite


class TestLibraries(LibrariesSuite):
    pass

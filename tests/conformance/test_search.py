from runward.testing.search import SearchSuite


class TestSearch(SearchSuite):
    pass

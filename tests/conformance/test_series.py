from runward.testing.series import SeriesSuite


class TestSeries(SeriesSuite):
    pass

from runward.testing.analysis import AnalysisSuite


class TestAnalysis(AnalysisSuite):
    pass

from runward.testing.reports import ReportsSuite


class TestReports(ReportsSuite):
    pass

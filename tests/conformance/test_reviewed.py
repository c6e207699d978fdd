from runward.testing.reviewed import ReviewedSuite


class TestReviewed(ReviewedSuite):
    pass

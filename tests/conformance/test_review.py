from runward.testing.review import ReviewSuite


class TestReview(ReviewSuite):
    pass

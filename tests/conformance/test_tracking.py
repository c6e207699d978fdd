from runward.testing.tracking import TrackingSuite


class TestTracking(TrackingSuite):
    pass

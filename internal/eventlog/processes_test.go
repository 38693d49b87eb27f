package eventlog_test

const childRole = "ORGMIRROR_EVENTLOG_TEST_ROLE"

func child(role string) int { return 1 }

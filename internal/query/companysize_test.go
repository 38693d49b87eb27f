package query

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// companyOf is the company of testdata with as many people as wanted, and a
// department for every 12 or 13 of them.
func companyOf(tb testing.TB, people int) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/company.sql")
	if err != nil {
		tb.Fatal(err)
	}
	departments := people * 2 / 25
	return strings.NewReplacer(
		"20000", strconv.Itoa(people),
		"21501", strconv.Itoa(people+departments+1),
		"1501", strconv.Itoa(departments+1),
		"% 1500", "% "+strconv.Itoa(departments),
		"(1, 1500)", "(1, "+strconv.Itoa(departments)+")",
	).Replace(string(text))
}

// historyOf is the history of that company.
func historyOf(tb testing.TB, people int) string {
	tb.Helper()
	text, err := os.ReadFile("testdata/history.sql")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.NewReplacer("20000", strconv.Itoa(people), "120000", strconv.Itoa(6*people)).Replace(string(text))
}

package crawl_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadsHoldTheGeneration looks through the package's own text: a statement over
// the read model goes through postgres.InOneGeneration, or it could read two
// generations while one is swapped for the other.
func TestReadsHoldTheGeneration(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	statement := regexp.MustCompile("(?s)(\\w+) = `([^`]*)`")
	found := 0
	for _, match := range statement.FindAllStringSubmatch(text.String(), -1) {
		name, sql := match[1], match[2]
		if !regexp.MustCompile(`\b(directory|history|analytics)\.\w`).MatchString(sql) {
			continue
		}
		found++
		used := len(regexp.MustCompile(`[(, ]`+name+`[,)]`).FindAllString(text.String(), -1))
		held := strings.Count(text.String(), "postgres.InOneGeneration("+name+")")
		if held == 0 || used != held {
			t.Errorf("%s reads the read model %d times, %d of them by postgres.InOneGeneration", name, used, held)
		}
	}
	if found < 4 {
		t.Errorf("found %d statements: the test does not test", found)
	}
}

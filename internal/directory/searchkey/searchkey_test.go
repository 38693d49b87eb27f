package searchkey

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orgmirror/orgmirror/internal/directory"
)

// list writes keys as "whole …| part …| sensitive …".
func list(keys []Key) string {
	var whole, parts, sensitive []string
	for _, k := range keys {
		switch {
		case k.Sensitive:
			sensitive = append(sensitive, k.Text)
		case k.Part:
			parts = append(parts, k.Text)
		default:
			whole = append(whole, k.Text)
		}
	}
	return fmt.Sprintf("%s | %s | %s", strings.Join(whole, " "), strings.Join(parts, " "), strings.Join(sensitive, " "))
}

func TestOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		names directory.Names
		want  string
	}{
		{"Chinese", directory.Names{Person: true, Name: "张三"}, "zhangsan zs 张三 | san 三 | "},
		{"three characters", directory.Names{Person: true, Name: "张小明"}, "zhangxiaoming zxm 张小明 | ming xiaoming 小明 明 | "},
		{"surname of two readings", directory.Names{Person: true, Name: "曾伟"}, "cengwei cw zengwei zw 曾伟 | wei 伟 | "},
		{"surname of three readings", directory.Names{Person: true, Name: "单芳"}, "cf chanfang danfang df sf shanfang 单芳 | fang 芳 | "},
		{"double surname", directory.Names{Person: true, Name: "尉迟恭"}, "wcg weichigong ycg yuchigong 尉迟恭 | chigong gong 恭 迟恭 | "},
		{"ü", directory.Names{Person: true, Name: "吕布"}, "lb lubu lvbu lyubu 吕布 | bu 布 | "},
		{"given name of two readings", directory.Names{Person: true, Name: "王乐"}, "wangle wangyue wl wy 王乐 | le yue 乐 | "},
		{"Latin", directory.Names{Person: true, EnName: "Jane Q. O'Neil"}, "janeqoneil jqon neiljaneqo | neil oneil qoneil | "},
		{"accents and width", directory.Names{Person: true, EnName: "Élodie Ｄｕｒａｎｄ"}, "durandelodie ed elodiedurand | durand | "},
		{"mixed", directory.Names{Person: true, Name: "李Tom"}, "litom lt 李tom | tom | "},
		{"one letter", directory.Names{Person: true, Nickname: "Z"}, "z |  | "},
		{"sensitive", directory.Names{Person: true, Name: "Bo", Email: "Bo.Li@x.com", EnterpriseEmail: "b@y", EmployeeNo: "E-01"}, "bo |  | b@y boli@xcom e01"},
		{"no secret where the name says it", directory.Names{Person: true, Name: "张 E01", EmployeeNo: "E01"}, "ze zhange01 张e01 | e01 | "},
		{"department", directory.Names{Name: "研发中心", I18nName: `{"en_us": "R&D Center", "zh_cn": "研发中心", "x": 1}`}, "centerr&d r&dcenter rc yanfazhongxin yfzx 研发中心 | center fazhongxin xin zhongxin 中心 发中心 心 | "},
		{"a department has no surname", directory.Names{Name: "单据"}, "danju dj shanju sj 单据 | ju 据 | "},
		{"nothing", directory.Names{Person: true, Name: " . ", I18nName: "x"}, " |  | "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, list(Of(test.names))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, prefixes, written string
	}{
		{"三", "三", ""},
		{" Zhang San ", "zhangsan", ""},
		{"张san", "张san zhangsan", "张"},
		{"曾w", "曾w zengw cengw", "曾"},
		{"O’Neil", "oneil", ""},
		{"李Tom", "李tom litom", "李"},
		{"50%", "50%", ""},
		{" -.", "", ""},
		{"", "", ""},
	} {
		got := Parse(test.text)
		if p, w := strings.Join(got.Prefixes, " "), strings.Join(got.Written, " "); p != test.prefixes || w != test.written {
			t.Errorf("%q looks for %q with %q, want %q with %q", test.text, p, w, test.prefixes, test.written)
		}
	}
}

// Every reading in the tables is one that pinyin can be typed by.
func TestTables(t *testing.T) {
	t.Parallel()
	for _, table := range []map[rune][]string{surnames, polyphones} {
		for char, readings := range table {
			for _, r := range readings {
				if len(r) == 0 || strings.Trim(r, "abcdefghijklmnopqrstuvwxyz") != "" {
					t.Errorf("%c is read %q", char, r)
				}
			}
		}
	}
}

// Whatever the name, it is found by the beginning of it, and nothing is too long
// for an index.
func TestAnyName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("张曾乐尉迟 aÉ.がｶ한\x00ﷺ")))).Draw(t, "name")
		keys := Of(directory.Names{Person: true, Name: name})
		for i, k := range keys {
			if n := utf8.RuneCountInString(k.Text); n == 0 || n > maxRunes || !utf8.ValidString(k.Text) || strings.ContainsRune(k.Text, 0) {
				t.Fatalf("%q is no key", k.Text)
			}
			if i > 0 && keys[i-1].Text >= k.Text {
				t.Fatalf("%q comes before %q", keys[i-1].Text, k.Text)
			}
		}
		if strings.ContainsFunc(name, unicode.IsMark) {
			return // marks change places when what stood between them goes
		}
		folded := Fold(name)
		if again := Fold(folded); again != folded {
			t.Fatalf("%q folds to %q, and that to %q", name, folded, again)
		}
		runes := []rune(folded)
		if len(runes) == 0 {
			return
		}
		query := Parse(string(runes[:rapid.IntRange(1, len(runes)).Draw(t, "length")])).Prefixes[0]
		if !slices.ContainsFunc(keys, func(k Key) bool { return !k.Part && strings.HasPrefix(k.Text, query) }) {
			t.Fatalf("%q is not found by %q among %v", name, query, keys)
		}
	})
}

func FuzzOf(f *testing.F) {
	f.Add("张三", "San Zhang", "a@b.c")
	f.Add("\xff\x00", "ﷺﷺﷺﷺ", strings.Repeat("曾", 300))
	f.Fuzz(func(t *testing.T, name, other, third string) {
		keys := Of(directory.Names{Person: true, Name: name, EnName: other, Email: third})
		if len(keys) > 3*(maxStarts*(maxReadings+1)+maxReadings+1) {
			t.Errorf("%d keys", len(keys))
		}
		Parse(name)
	})
}

func BenchmarkOf(b *testing.B) {
	for b.Loop() {
		Of(directory.Names{Person: true, Name: "张小明", EnName: "Xiaoming Zhang", Email: "xiaoming@example.com", EmployeeNo: "1234"})
	}
}

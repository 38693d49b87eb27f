package searchkey

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is a text as keys have it: without case, accents, width and whatever
// separates words, and cut to the length of a key.
func Fold(text string) string {
	return cut(written(split(text)))
}

// unit is a piece of a name that a search may begin at: a word, or a character of
// a script that writes without spaces.
type unit struct {
	text string
	char rune // where it is a single character of such a script
	han  bool // and a Chinese one
}

// alone reports whether a unit is a character that needs no space beside it.
func (u unit) alone() bool { return u.char != 0 }

// split takes a text apart, folded.
func split(text string) []unit {
	var units []unit
	word := strings.Builder{}
	end := func() {
		if word.Len() > 0 {
			units = append(units, unit{text: word.String()})
			word.Reset()
		}
	}
	for _, r := range simplify(text) {
		switch {
		case separates(r):
			end()
		case r < utf8.RuneSelf:
			word.WriteByte(byte(r))
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul):
			end()
			units = append(units, unit{text: string(r), char: r, han: unicode.Is(unicode.Han, r)})
		default:
			word.WriteRune(r)
		}
	}
	end()
	return units
}

// simplify takes case, width and accents away. The marks of Japanese kana are no
// accents: か and が are two letters.
func simplify(text string) string {
	if simple(text) {
		return strings.ToLower(text)
	}
	if !utf8.ValidString(text) {
		text = string([]rune(text)) // as the tables have it
	}
	text = norm.NFKD.String(strings.ToLower(cases.Fold().String(norm.NFKD.String(text)))) // folding alone swaps the cases of Cherokee
	text = strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x36F {
			return -1
		}
		return r
	}, text)
	return norm.NFC.String(text)
}

// simple reports whether a text is of ASCII and common Chinese characters only,
// which is most of them, and has nothing to be normalised.
func simple(text string) bool {
	for _, r := range text {
		if r >= utf8.RuneSelf && (r < 0x4E00 || r > 0x9FFF) {
			return false
		}
	}
	return true
}

// separates reports whether a character stands between the parts of a name, or is
// not to be seen at all.
func separates(r rune) bool {
	if r < utf8.RuneSelf {
		return r <= ' ' || r == 0x7F || strings.ContainsRune(".,-'`", r)
	}
	switch r {
	case '‘', '’', '·', '•', '‧', '・', '､', '、', '，', '。':
		return true
	}
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cc, unicode.Cf)
}

// cut ends a text after as many characters as a key may have.
func cut(text string) string {
	if len(text) <= maxRunes {
		return text
	}
	n := 0
	for i := range text {
		if n == maxRunes {
			return text[:i]
		}
		n++
	}
	return text
}

func first(text string) string {
	_, n := utf8.DecodeRuneInString(text)
	return text[:n]
}

package query_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/orgmirror/orgmirror/internal/query"
	pb "github.com/orgmirror/orgmirror/proto/orgmirror/v1"
)

// search reads all pages.
func search(t *testing.T, b *bundle, client string, req *pb.SearchUsersRequest) string {
	t.Helper()
	var all []*pb.User
	for {
		got, err := b.users.SearchUsers(as(t, client), req)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got.GetUsers()...)
		if got.GetNextPageToken() == "" {
			return openIDs(all)
		}
		req = proto.CloneOf(req)
		req.PageToken = got.GetNextPageToken()
	}
}

func TestSearchUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, `
INSERT INTO directory.users (tenant_key, open_id, name, en_name, nickname, attributes, removed_at, removed_reason, position)
VALUES ('t', 'ou_e1', 'ÉLODIE', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_e2', 'élodie durand', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m1', 'Max', 'max', 'MAX', '{}', NULL, NULL, 1),
       ('t', 'ou_m2', 'Max', 'Other', NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m3', 'Maxim', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m4', 'Abel', 'Maxwell', NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_m5', 'Max', NULL, NULL, '{}', '2026-01-01T00:00:00Z', 'RESIGNED', 1),
       ('t', 'ou_m6', NULL, NULL, 'maxi', '{}', NULL, NULL, 1),
       ('t', 'ou_m7', 'Otto Maxen', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_u1', '50_percent', NULL, NULL, '{}', NULL, NULL, 1),
       ('t', 'ou_u2', E'\U0001F600 smile', NULL, NULL, '{}', NULL, NULL, 1)`)
	query.FillSearch(t, b.pool)

	for _, test := range []struct{ query, want string }{
		{"安", "ann"},
		{"安娜", "ann"},
		{"annie", "ann"},
		{"ANN", "ann zoe"}, // Ann exactly, Zoe by the alias Anne
		{"Anne", "zoe"},    // exact by alias
		{"robert", "bob"},  // English name
		{"  Bob\t", "bob"}, // spaces around it do not count
		{"ob", ""},         // not from the middle of a word
		{"élodie", "e1 e2"},
		{"Elodie D", "e2"},
		{"max", "m1 m2 m7 m6 m3 m4"}, // exact first; then by what they are found by: Maxen Otto, maxi, Maxim, Maxwell
		{"50%", "pct"},
		{"50_", "u1"},
		{"5%", ""},
		{"%", ""},
		{"_", ""},
		{`\`, ""},
		{`50%_off\`, "pct"},
		{"' OR 1=1 --", ""},
		{"\U0001F600", "u2"},
		{"\U0010FFFF", ""},
	} {
		for _, size := range []int32{1, 2, 1000} {
			if got := search(t, b, "reads", &pb.SearchUsersRequest{Query: test.query, PageSize: size}); got != test.want {
				t.Errorf("%q by pages of %d = %q, want %q", test.query, size, got, test.want)
			}
		}
	}

	t.Run("finds who left only when asked to", func(t *testing.T) {
		t.Parallel()
		if got, want := search(t, b, "reads", &pb.SearchUsersRequest{Query: "MAX", ShowRemoved: true, PageSize: 2}), "m1 m2 m5 m7 m6 m3 m4"; got != want {
			t.Errorf("with removed = %q, want %q", got, want)
		}
	})

	t.Run("refuses what would find nobody or everybody", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{"", "  ", ".-'", "a\x00", strings.Repeat("长", 86)} {
			_, err := b.users.SearchUsers(as(t, "reads"), &pb.SearchUsersRequest{Query: query})
			wantField(t, err, "ARGUMENT_INVALID", "query")
			_, err = b.users.SearchDepartments(as(t, "reads"), &pb.SearchDepartmentsRequest{Query: query})
			wantField(t, err, "ARGUMENT_INVALID", "query")
		}
	})

	t.Run("sees nobody of another company", func(t *testing.T) {
		t.Parallel()
		if got := search(t, b, "reads", &pb.SearchUsersRequest{Query: "other", ShowRemoved: true}); got != "m2" {
			t.Errorf("found %q, want m2 only", got)
		}
	})
}

// TestSearchGolden is of the searches that people make of Chinese names.
func TestSearchGolden(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for _, row := range [][]any{
		{"zhangsan", "张三", "San Zhang", nil, "san.zhang@corp.example", "1001"},
		{"zhangsanfeng", "张三丰", nil, nil, nil, "1002"},
		{"wangsan", "王三", nil, nil, nil, "A-77"},
		{"sanmao", "三毛", nil, nil, nil, nil},
		{"zengwei", "曾伟", nil, nil, nil, nil},
		{"shanfang", "单芳", nil, nil, nil, nil},
		{"ouyang", "欧阳锋", nil, nil, nil, nil},
		{"yuchi", "尉迟恭", nil, nil, nil, nil},
		{"lvbu", "吕布", nil, nil, nil, nil},
		{"litom", "李Tom", nil, nil, nil, nil},
		{"tomli", "Tom Li", nil, "小汤", nil, nil},
		{"zoes", "Zoe Smith", nil, nil, nil, nil},
	} {
		b.exec(t, `INSERT INTO directory.users (tenant_key, open_id, name, en_name, nickname, email, employee_no, attributes, position)
			VALUES ('t', 'ou_' || $1, $2, $3, $4, $5, $6, '{}', 1)`, row...)
	}
	query.FillSearch(t, b.pool)
	for _, test := range []struct{ query, want string }{
		{"三", "sanmao wangsan zhangsan zhangsanfeng"}, // whose name begins with it, then who has just it, then who has more
		{"张三", "zhangsan zhangsanfeng"},
		{"三丰", "zhangsanfeng"},
		{"zhangsan", "zhangsan zhangsanfeng"},
		{"Zhang San", "zhangsan zhangsanfeng"},
		{"zhangs", "zhangsan zhangsanfeng"},
		{"san zhang", "zhangsan"}, // as in the West
		{"sanzhang", "zhangsan"},
		{"zs", "zhangsan zoes zhangsanfeng"},
		{"zsf", "zhangsanfeng"},
		{"ws", "wangsan"},
		{"sanfeng", "zhangsanfeng"},
		{"zeng", "zengwei"},
		{"ceng", "zengwei"},
		{"zw", "zengwei"},
		{"cw", "zengwei"},
		{"zengwei", "zengwei"},
		{"cengwei", "zengwei"},
		{"shan", "shanfang"},
		{"dan", "shanfang"},
		{"danfang", "shanfang"},
		{"ouyang", "ouyang"},
		{"oyf", "ouyang"},
		{"阳锋", "ouyang"},
		{"yuchi", "yuchi"},
		{"weichi", "yuchi"},
		{"lvbu", "lvbu"},
		{"lubu", "lvbu"},
		{"lübu", "lvbu"},
		{"lyu bu", "lvbu"},
		{"李tom", "litom"},
		{"litom", "litom tomli"}, // Tom Li with the family name first is the same
		{"lt", "litom"},
		{"Tom", "tomli litom"},
		{"小汤", "tomli"},
		{"xiaotang", "tomli"},
		{"张san", "zhangsan zhangsanfeng"}, // some of it written, some spelt
		{"张sf", ""},                       // initials are all of them
		{"王san", "wangsan"},
		{"曾w", "zengwei"},
		{"ＺＨＡＮＧ", "zhangsan zhangsanfeng"},
		{"1001", ""},
		{"san.zhang@", ""},
	} {
		if got := search(t, b, "reads", &pb.SearchUsersRequest{Query: test.query, PageSize: 3}); got != test.want {
			t.Errorf("%q = %q, want %q", test.query, got, test.want)
		}
	}
	for _, test := range []struct{ query, want string }{ // what only some may search by
		{"1001", "zhangsan"},
		{"100", "zhangsan zhangsanfeng"},
		{"a77", "wangsan"},
		{"san.zhang@", "zhangsan"},
		{"san.zhang@corp.example", "zhangsan"},
		{"zhangsan", "zhangsan zhangsanfeng"},
	} {
		if got := search(t, b, "sees", &pb.SearchUsersRequest{Query: test.query}); got != test.want {
			t.Errorf("%q by who sees everything = %q, want %q", test.query, got, test.want)
		}
	}
}

func TestSearchDepartments(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	for _, test := range []struct {
		query string
		gone  bool
		want  string
	}{
		{"甲", false, "od-a"},
		{"jiabu", false, "od-a"},
		{"jb", false, "od-a"},
		{"部", false, "od-a"},
		{"alpha", false, "od-a od-a1 od-a11"},
		{"Alpha 1", false, "od-a1 od-a11"},
		{"甲bu", false, "od-a"},
		{"clos", false, ""},
		{"clos", true, "od-gone"},
		{"other", true, ""},
		{"安", false, ""}, // a person
	} {
		var all []*pb.Department
		for token := ""; ; {
			got, err := b.users.SearchDepartments(as(t, "reads"), &pb.SearchDepartmentsRequest{Query: test.query, ShowRemoved: test.gone, PageSize: 1, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, got.GetDepartments()...)
			if token = got.GetNextPageToken(); token == "" {
				break
			}
		}
		if got := departmentIDs(all); got != test.want {
			t.Errorf("%q = %q, want %q", test.query, got, test.want)
		}
	}
}

func TestSearchNotReady(t *testing.T) {
	t.Parallel()
	b := setup(t, nil, "small")
	b.exec(t, `UPDATE mirror.generation SET search_version = 0`)
	_, err := b.users.SearchUsers(as(t, "reads"), &pb.SearchUsersRequest{Query: "a"})
	wantError(t, err, codes.Unavailable, "SEARCH_NOT_READY")
	_, err = b.users.SearchDepartments(as(t, "reads"), &pb.SearchDepartmentsRequest{Query: "a"})
	wantError(t, err, codes.Unavailable, "SEARCH_NOT_READY")
}

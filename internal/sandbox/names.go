package sandbox

import (
	"math/rand/v2"
	"strings"

	"github.com/mozillazg/go-pinyin"
)

// surname is a family name with its reading, which is not always that of the
// character: 单 is Shan here, 仇 Qiu, 解 Xie.
type surname struct{ han, latin string }

// The commonest come first and are drawn most.
var surnames = []surname{
	{"王", "Wang"},
	{"李", "Li"},
	{"张", "Zhang"},
	{"刘", "Liu"},
	{"陈", "Chen"},
	{"杨", "Yang"},
	{"黄", "Huang"},
	{"赵", "Zhao"},
	{"吴", "Wu"},
	{"周", "Zhou"},
	{"徐", "Xu"},
	{"孙", "Sun"},
	{"马", "Ma"},
	{"朱", "Zhu"},
	{"胡", "Hu"},
	{"郭", "Guo"},
	{"何", "He"},
	{"高", "Gao"},
	{"林", "Lin"},
	{"罗", "Luo"},
	{"郑", "Zheng"},
	{"梁", "Liang"},
	{"谢", "Xie"},
	{"宋", "Song"},
	{"唐", "Tang"},
	{"许", "Xu"},
	{"韩", "Han"},
	{"冯", "Feng"},
	{"邓", "Deng"},
	{"曹", "Cao"},
	{"彭", "Peng"},
	{"曾", "Zeng"},
	{"肖", "Xiao"},
	{"田", "Tian"},
	{"董", "Dong"},
	{"袁", "Yuan"},
	{"潘", "Pan"},
	{"于", "Yu"},
	{"蒋", "Jiang"},
	{"蔡", "Cai"},
	{"余", "Yu"},
	{"杜", "Du"},
	{"叶", "Ye"},
	{"程", "Cheng"},
	{"苏", "Su"},
	{"魏", "Wei"},
	{"吕", "Lü"},
	{"丁", "Ding"},
	{"任", "Ren"},
	{"沈", "Shen"},
	{"姚", "Yao"},
	{"卢", "Lu"},
	{"姜", "Jiang"},
	{"崔", "Cui"},
	{"钟", "Zhong"},
	{"谭", "Tan"},
	{"陆", "Lu"},
	{"汪", "Wang"},
	{"范", "Fan"},
	{"金", "Jin"},
	{"石", "Shi"},
	{"廖", "Liao"},
	{"贾", "Jia"},
	{"夏", "Xia"},
	{"韦", "Wei"},
	{"付", "Fu"},
	{"方", "Fang"},
	{"白", "Bai"},
	{"邹", "Zou"},
	{"孟", "Meng"},
	{"熊", "Xiong"},
	{"秦", "Qin"},
	{"邱", "Qiu"},
	{"江", "Jiang"},
	{"尹", "Yin"},
	{"薛", "Xue"},
	{"闫", "Yan"},
	{"段", "Duan"},
	{"雷", "Lei"},
	{"侯", "Hou"},
	{"龙", "Long"},
	{"史", "Shi"},
	{"陶", "Tao"},
	{"黎", "Li"},
	{"贺", "He"},
	{"顾", "Gu"},
	{"毛", "Mao"},
	{"郝", "Hao"},
	{"龚", "Gong"},
	{"邵", "Shao"},
	{"万", "Wan"},
	{"覃", "Qin"},
	{"单", "Shan"},
	{"仇", "Qiu"},
	{"解", "Xie"},
	{"查", "Zha"},
	{"区", "Ou"},
	{"朴", "Piao"},
}

var compoundSurnames = []surname{
	{"欧阳", "Ouyang"},
	{"司马", "Sima"},
	{"上官", "Shangguan"},
	{"诸葛", "Zhuge"},
	{"司徒", "Situ"},
	{"夏侯", "Xiahou"},
	{"皇甫", "Huangfu"},
	{"尉迟", "Yuchi"},
	{"公孙", "Gongsun"},
	{"慕容", "Murong"},
	{"令狐", "Linghu"},
	{"东方", "Dongfang"},
	{"端木", "Duanmu"},
	{"万俟", "Moqi"},
	{"长孙", "Zhangsun"},
	{"宇文", "Yuwen"},
}

const (
	maleGiven   = "伟强磊洋勇军杰涛超明刚平辉鹏华飞鑫波斌宇浩凯健俊帆旭宁龙林阳建国志文博睿晨轩泽瑞航昊天佑嘉诚思远子墨铭启然"
	femaleGiven = "芳娜敏静丽艳娟霞秀燕玲桂英萍红玉兰慧莹洁梅琳雪婷颖倩薇蕾佳欣怡悦诗雨涵梦琪若曦语桐紫萱可馨雅宁思彤舒瑶钰妍"
)

// longNames are people whose names have another shape: given name first, with
// a dot; or a character outside the basic plane.
var longNames = []surname{
	{"阿依古丽·买买提", "Ayiguli Maimaiti"},
	{"迪丽努尔·艾合买提", "Dilinuer Aihemaiti"},
	{"扎西·次仁", "Zhaxi Ciren"},
	{"巴特尔", "Bateer"},
	{"𠮷田健", "Jitian Jian"},
	{"李𫖯", "Li Fu"},
}

// namer draws names.
type namer struct {
	rng          *rand.Rand
	male, female []surname // given-name characters with their readings
}

func newNamer(rng *rand.Rand) *namer {
	return &namer{rng: rng, male: readings(maleGiven), female: readings(femaleGiven)}
}

func readings(chars string) []surname {
	args := pinyin.NewArgs()
	var out []surname
	for _, c := range chars {
		out = append(out, surname{string(c), pinyin.SinglePinyin(c, args)[0]})
	}
	return out
}

// name draws a name with its reading, surname last as in en_name, and an
// account name for addresses.
func (n *namer) name(gender int) (han, latin, account string) {
	if n.rng.IntN(400) == 0 {
		l := longNames[n.rng.IntN(len(longNames))]
		return l.han, l.latin, strings.ToLower(strings.ReplaceAll(l.latin, " ", "."))
	}
	// The smaller of two draws makes the common surnames common.
	family := surnames[min(n.rng.IntN(len(surnames)), n.rng.IntN(len(surnames)))]
	if n.rng.IntN(30) == 0 {
		family = compoundSurnames[n.rng.IntN(len(compoundSurnames))]
	}
	pool := n.male
	if gender == 2 || gender != 1 && n.rng.IntN(2) == 0 {
		pool = n.female
	}
	given := pool[n.rng.IntN(len(pool))]
	if n.rng.IntN(5) > 0 { // four given names in five have two characters
		second := pool[n.rng.IntN(len(pool))]
		given = surname{given.han + second.han, given.latin + second.latin}
	}
	plain := strings.ToLower(strings.ReplaceAll(family.latin, "ü", "v"))
	return family.han + given.han, strings.ToUpper(given.latin[:1]) + given.latin[1:] + " " + family.latin, plain + given.latin
}

package searchkey

import (
	"slices"
	"strings"
	"sync"

	"github.com/mozillazg/go-pinyin"
)

// surnames are the readings, usual one first, of characters that are read in
// several ways as a surname, or otherwise as a surname than in a word. What people
// type is also the wrong one.
var surnames = table(`
曾 zeng ceng|单 shan dan chan|單 shan dan chan|仇 qiu chou|解 xie jie|查 zha cha|区 ou qu|區 ou qu|朴 piao pu|任 ren|盖 ge gai|蓋 ge gai
华 hua|乐 yue le|樂 yue le|尉 wei yu|覃 qin tan|缪 miao mou miu|繆 miao mou miu|翟 zhai di|折 she zhe|黑 he hei|员 yun yuan|員 yun yuan
种 chong zhong|重 chong zhong|召 shao zhao|牟 mou mu|佴 nai er|隗 wei kui|郇 xun huan|祭 zhai ji|阙 que|晁 chao|宓 mi fu|洗 xian xi|冼 xian
褚 chu zhu|谌 chen shen|諶 chen shen|车 che ju|車 che ju|盛 sheng cheng|石 shi dan|沈 shen chen|适 kuo shi|郄 qie xi|莘 shen xin|呙 guo wo
俞 yu shu|纪 ji|葛 ge|贾 jia gu|賈 jia gu|曲 qu|柏 bai bo|薄 bo bao|都 du dou|那 na nuo|乜 nie mie|强 qiang jiang|強 qiang jiang|钭 tou dou
过 guo|哈 ha|秘 bi mi|繁 po fan|长 chang zhang|長 chang zhang|晟 cheng sheng|逄 pang|贠 yun yuan|行 xing hang|朝 chao zhao|藏 zang cang|臧 zang
幺 yao|么 yao me|卜 bu bo|佟 tong|禚 zhuo|妫 gui wei|撒 sa|宿 su xiu|合 he ge|夏 xia|厦 sha xia|相 xiang|星 xing|咸 xian|盘 pan|番 pan fan
蕃 bo fan pi|费 fei bi|費 fei bi|干 gan|乾 qian gan|敦 dun|句 gou ju|勾 gou|缑 gou hou|阚 kan|冯 feng ping|馮 feng ping|洪 hong|令 ling|六 lu liu
陆 lu liu|陸 lu liu|莫 mo|孟 meng|宁 ning|甯 ning|能 nai neng|粘 nian zhan|裴 pei|皮 pi|泊 bo po|卡 ka qia|瞿 qu ju|曹 cao|冉 ran|瑞 rui|沙 sha
舍 she|佘 she|殳 shu|遂 sui|台 tai|拓 tuo ta|万 wan mo|萬 wan mo|危 wei|韦 wei|隽 juan jun|巷 xiang|肖 xiao|洼 gui wa|炔 gui que|弗 fu|角 jue jiao
燕 yan|炎 yan|叶 ye xie|葉 ye|伊 yi|余 yu|於 yu|郁 yu|喻 yu|员 yun yuan|载 zai|仉 zhang|笮 ze zuo|祝 zhu|翁 weng|庹 tuo|亓 qi|檀 tan|尹 yin
车 che ju|尧 yao|应 ying|應 ying|和 he|还 huan hai|会 gui hui|与 yu|占 zhan|参 shen can|调 tiao diao|弹 tan dan|传 chuan zhuan|丁 ding|大 da dai
`)

// doubles are surnames of two characters that are read otherwise than these.
var doubles = map[string][][2]string{
	"尉迟": {{"yu", "chi"}, {"wei", "chi"}}, "尉遲": {{"yu", "chi"}, {"wei", "chi"}},
	"万俟": {{"mo", "qi"}, {"wan", "si"}}, "萬俟": {{"mo", "qi"}, {"wan", "si"}},
	"长孙": {{"zhang", "sun"}, {"chang", "sun"}}, "長孫": {{"zhang", "sun"}, {"chang", "sun"}},
	"单于": {{"chan", "yu"}, {"shan", "yu"}, {"dan", "yu"}}, "單于": {{"chan", "yu"}, {"shan", "yu"}, {"dan", "yu"}},
	"澹台": {{"tan", "tai"}, {"dan", "tai"}}, "澹臺": {{"tan", "tai"}, {"dan", "tai"}},
	"令狐": {{"ling", "hu"}}, "宰父": {{"zai", "fu"}}, "鲜于": {{"xian", "yu"}}, "夏侯": {{"xia", "hou"}},
	"乐正": {{"yue", "zheng"}, {"le", "zheng"}}, "车正": {{"che", "zheng"}}, "亓官": {{"qi", "guan"}},
	"濮阳": {{"pu", "yang"}}, "毌丘": {{"guan", "qiu"}}, "母丘": {{"mu", "qiu"}, {"guan", "qiu"}},
	"皇甫": {{"huang", "fu"}, {"huang", "pu"}}, "宗正": {{"zong", "zheng"}}, "可频": {{"ke", "pin"}},
}

// polyphones are read in several ways in given names and in the names of
// departments.
var polyphones = table(`
乐 le yue|樂 le yue|行 xing hang heng|重 chong zhong|长 chang zhang|長 chang zhang|朝 chao zhao|曾 zeng ceng|晟 sheng cheng|茜 qian xi|朴 pu piao
单 dan shan|藏 cang zang|传 chuan zhuan|調 diao tiao|调 diao tiao|都 du dou|干 gan|率 lv shuai|会 hui kuai|會 hui kuai|角 jiao jue|卡 ka qia|量 liang
露 lu lou|模 mo mu|宿 su xiu|系 xi ji|校 xiao jiao|殷 yin yan|圳 zhen|中 zhong|种 zhong chong|栎 li yue|嘉 jia|晔 ye|珏 jue|钰 yu|炜 wei|禹 yu|葳 wei
盛 sheng cheng|奇 qi ji|柏 bai bo|莎 sha suo|娜 na nuo|婼 ruo chuo|峤 qiao jiao|铉 xuan|谌 chen shen|亓 qi|洗 xi xian|还 huan hai|弹 dan tan|石 shi
`)

// table reads lines of "character reading reading…".
func table(text string) map[rune][]string {
	readings := map[rune][]string{}
	for entry := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(text), "\n", "|"), "|") {
		fields := strings.Fields(entry)
		readings[[]rune(fields[0])[0]] = fields[1:]
	}
	return readings
}

func doubleSurname(units []unit) [][2]string {
	if len(units) < 3 || !units[0].han || !units[1].han {
		return nil
	}
	return doubles[units[0].text+units[1].text]
}

// usual are the usual readings of characters that were asked for already: finding
// one out takes a regular expression.
var usual sync.Map // rune to []string

func usualReadings(char rune) []string {
	if known, ok := usual.Load(char); ok {
		return known.([]string)
	}
	readings := pinyin.SinglePinyin(char, pinyin.NewArgs())
	usual.Store(char, readings)
	return readings
}

// readings are the ways to spell a unit in Latin letters, the usual one first; the
// unit itself where it is not Chinese.
func (u unit) readings(surname bool) []string {
	if !u.han {
		return []string{u.text}
	}
	readings := polyphones[u.char]
	if surname {
		readings = slices.Concat(surnames[u.char], readings)
	}
	if len(readings) == 0 {
		readings = usualReadings(u.char)
	}
	if len(readings) == 0 {
		return []string{u.text}
	}
	var all []string
	for _, r := range readings {
		for _, spelt := range spellings(r) {
			if !slices.Contains(all, spelt) {
				all = append(all, spelt)
			}
		}
	}
	return all
}

// spellings are the ways to write ü, for which keyboards have no key: 吕 is lv, lu
// and lyu.
func spellings(reading string) []string {
	if !strings.Contains(reading, "v") {
		return []string{reading}
	}
	return []string{reading, strings.Replace(reading, "v", "u", 1), strings.Replace(reading, "v", "yu", 1)}
}

package sandbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// makeResources gives the company employee types, custom attributes, groups and
// units. It draws from a stream of its own: people and departments are the same
// without it, but for the employee type and the badge of a few, and unit_ids.
func (g *generator) makeResources(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x7265736f75726365))
	g.defineAttributes()
	if len(g.users) > 0 {
		g.makeEmployeeTypes(rng)
		g.giveBadges(rng)
		g.makeGroups(rng)
	}
	g.makeUnits()
	g.org.changes = nil // nobody is told of how the company began
}

// must panics where the generator has broken a rule that it should know.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("generate: %v", err))
	}
	return v
}

// defineAttributes defines the attributes that the people have values of.
func (g *generator) defineAttributes() {
	define := func(id, kind string, options AttrOptions, zh, en string) {
		must(g.org.addCustomAttr(CustomAttrDefinition{ID: id, Type: kind, Options: options, I18nName: []Text{{"zh_cn", zh}, {"en_us", en}}}))
	}
	var sizes, pictures AttrOptions
	for _, size := range shirtSizes {
		sizes.Options = append(sizes.Options, AttrOption{ID: size.en, Value: size.zh})
	}
	sizes.DefaultOptionID = sizes.Options[0].ID
	for _, badge := range badges {
		pictures.Options = append(pictures.Options, AttrOption{ID: badge.en, Value: badgeURL(badge), Name: badge.zh})
	}
	define(attrText, "TEXT", AttrOptions{}, "技能", "Skills")
	define(attrLink, "HREF", AttrOptions{}, "个人主页", "Home page")
	define(attrChoice, "ENUMERATION", sizes, "工服尺码", "Shirt size")
	define(attrPerson, "GENERIC_USER", AttrOptions{}, "导师", "Mentor")
	define(attrPicture, "PICTURE_ENUM", pictures, "荣誉徽章", "Badge")
}

func badgeURL(badge phrase) string {
	return "https://s1-imfile.feishucdn.com/static-resource/v1/" + badge.en
}

// makeEmployeeTypes makes the company's own types, the last of them inactive,
// and gives one person in thirty one of them.
func (g *generator) makeEmployeeTypes(rng *rand.Rand) {
	for i, name := range companyTypes {
		e := EmployeeType{
			Content: name.zh, EnumType: customType, EnumStatus: activeType, I18nContent: []Text{{"zh_cn", name.zh}, {"en_us", name.en}},
		}
		if i == len(companyTypes)-1 {
			e.EnumStatus = inactiveType
		}
		must(g.org.addEmployeeType(e))
	}
	for _, u := range g.users {
		if rng.IntN(30) == 0 {
			u.EmployeeType = len(builtInTypes) + 1 + rng.IntN(len(companyTypes))
		}
	}
}

func (g *generator) giveBadges(rng *rand.Rand) {
	for _, u := range g.users {
		if rng.IntN(60) == 0 {
			badge := badges[rng.IntN(len(badges))]
			value := CustomAttrValue{OptionID: badge.en, Name: badge.zh, PictureURL: badgeURL(badge)}
			u.CustomAttrs = append(u.CustomAttrs, CustomAttr{"PICTURE_ENUM", attrPicture, value})
		}
	}
}

// makeGroups makes one group for every 250 people, and at least two where there
// are twenty: every fourth one is dynamic, and every third normal one has
// departments in it.
func (g *generator) makeGroups(rng *rand.Rand) {
	people := len(g.users)
	n := min(people/250, maxGroups/2)
	if people >= 20 {
		n = max(n, 2)
	}
	for i := range n {
		topic := groupTopics[i%len(groupTopics)]
		group := Group{Name: topic.zh, Description: topic.en, Type: normalGroup}
		if round := i / len(groupTopics); round > 0 {
			group.Name = fmt.Sprintf("%s（%d）", topic.zh, round+1)
		}
		if i%4 == 1 {
			group.Type = dynamicGroup
		}
		for range 1 + rng.IntN(min(people, 120)) {
			group.Users = append(group.Users, g.users[rng.IntN(people)].OpenID)
		}
		if group.Type == normalGroup && i%3 == 0 && len(g.nodes) > 1 {
			for range 1 + rng.IntN(3) {
				group.Departments = append(group.Departments, g.nodes[1+rng.IntN(len(g.nodes)-1)].OpenDepartmentID)
			}
		}
		must(g.org.addGroup(group))
	}
}

// makeUnits binds the first-level departments to a few units in turn; every
// fourth department belongs to none.
func (g *generator) makeUnits() {
	first := slices.DeleteFunc(slices.Clone(g.nodes[1:]), func(n *node) bool { return n.parent != g.org.root })
	var units []*Unit
	for i := range min(len(unitNames), len(first)/2) {
		units = append(units, must(g.org.addUnit(Unit{Name: unitNames[i][0], UnitType: unitNames[i][1]})))
	}
	bound := 0
	for i, n := range first {
		if len(units) > 0 && i%4 != 3 {
			if err := g.org.bind(units[bound%len(units)], n); err != nil {
				panic(fmt.Sprintf("generate: %v", err))
			}
			bound++
		}
	}
}

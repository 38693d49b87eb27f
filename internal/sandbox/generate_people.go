package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// firstJoin and joinSpan bound the days on which people joined.
var firstJoin = time.Date(2010, time.March, 1, 0, 0, 0, 0, time.UTC)

const joinSpan = 15 * 365 // days

// makePeople makes n people. The first is the chief, who sits in the root.
func (g *generator) makePeople(n int) {
	seats := g.choices()
	rootUsers := max(1, n/500)
	accounts := map[string]int{}
	g.users = make([]*User, 0, n)
	for i := range n {
		u := g.makePerson(i, accounts)
		switch {
		case g.sides[0] != nil:
			u.Orders = g.placeInMatrix(i < rootUsers)
		case i < rootUsers || len(seats) == 0:
			u.Orders = []Order{{DepartmentID: rootID, DepartmentOrder: 1, IsPrimaryDept: true}}
		case i < rootUsers+g.crowdSize(n):
			u.Orders = g.place(g.crowd, seats)
		default:
			u.Orders = g.place(seats[g.rng.IntN(len(seats))], seats)
		}
		for _, order := range u.Orders {
			u.DepartmentIDs = append(u.DepartmentIDs, order.DepartmentID)
		}
		g.users = append(g.users, u)
	}
}

// crowdSize is how many people sit in the most crowded department.
func (g *generator) crowdSize(n int) int {
	switch {
	case g.crowd == nil:
		return 0
	case g.shape == ShapeWide:
		return min(mostMembers, n/4)
	case n >= 1000:
		return max(250, min(600, n/12))
	default:
		return n / 5
	}
}

// choices lists the departments that people are drawn into, the more popular
// ones several times. One in twenty stays empty.
func (g *generator) choices() []*node {
	var seats []*node
	for _, d := range g.nodes[1:] {
		if g.crowd == nil && len(d.children) == 0 {
			g.crowd = d
			continue
		}
		weight := 2
		switch draw := g.rng.IntN(20); {
		case draw == 0:
			weight = 0
		case draw < 3:
			weight = 8
		}
		for range weight {
			seats = append(seats, d)
		}
	}
	if len(seats) == 0 && g.crowd != nil {
		seats = append(seats, g.crowd)
	}
	return seats
}

// place puts a person into a department, and some people into others too.
func (g *generator) place(primary *node, seats []*node) []Order {
	in := []*node{primary}
	if g.rng.IntN(16) == 0 {
		for range 1 + g.rng.IntN(3) {
			other := seats[g.rng.IntN(len(seats))]
			if g.rng.IntN(20) == 0 {
				other = g.org.root
			}
			if !slices.Contains(in, other) {
				in = append(in, other)
			}
		}
	}
	return g.ordersIn(in)
}

// ordersIn ranks departments in the order given, the first one primary.
func (g *generator) ordersIn(in []*node) []Order {
	orders := make([]Order, len(in))
	for i, n := range in {
		orders[i] = Order{DepartmentID: n.OpenDepartmentID, DepartmentOrder: len(in) - i, IsPrimaryDept: i == 0}
		if g.rng.IntN(8) == 0 {
			orders[i].UserOrder = 1 + g.rng.IntN(100)
		}
	}
	return orders
}

func (g *generator) makePerson(i int, accounts map[string]int) *User {
	gender := [...]int{1, 1, 1, 1, 1, 2, 2, 2, 2, 0}[g.rng.IntN(10)]
	name, latin, account := g.names.name(gender)
	accounts[account]++
	if same := accounts[account]; same > 1 {
		account += strconv.Itoa(same)
	}
	u := &User{
		OpenID: g.org.ids.openID(), UnionID: g.org.ids.unionID(), UserID: g.org.freshUserID(),
		Name: name, EnName: latin,
		Mobile: mobileOf(i), MobileVisible: g.rng.IntN(20) > 0,
		Gender:    gender,
		AvatarKey: "v3_00" + strconv.FormatUint(g.rng.Uint64(), 36),
		City:      cities[min(g.rng.IntN(20), g.rng.IntN(20))].zh, Country: "CN",
		JoinTime:     firstJoin.AddDate(0, 0, g.rng.IntN(joinSpan)).Unix(),
		EmployeeNo:   strconv.Itoa(80000001 + i),
		EmployeeType: [...]int{1, 1, 1, 1, 1, 1, 1, 2, 3, 5}[g.rng.IntN(10)],
		JobTitle:     jobTitles[g.rng.IntN(len(jobTitles))],
		Description:  signatures[g.rng.IntN(len(signatures))],
	}
	// Registered now, so that the next fresh user_id is another one.
	g.org.byUserID.current[u.UserID] = u
	g.account(u, i)
	if g.rng.IntN(20) > 0 {
		u.Email = account + "@sandbox.example.com"
	}
	if g.rng.IntN(3) == 0 {
		u.EnterpriseEmail = account + "@mail.sandbox.example.com"
	}
	if g.rng.IntN(5) == 0 {
		u.Nickname = "小" + string([]rune(name)[0])
	}
	if g.rng.IntN(10) > 0 {
		u.WorkStation = fmt.Sprintf("%c座%d层-%03d", 'A'+g.rng.IntN(4), 1+g.rng.IntN(30), 1+g.rng.IntN(200))
	}
	if g.rng.IntN(3) == 0 {
		u.JobLevelID = jobLevels[g.rng.IntN(len(jobLevels))]
		u.JobFamilyID = jobFamilies[g.rng.IntN(len(jobFamilies))]
	}
	u.CustomAttrs = g.attributes()
	return u
}

// account sets the flags, and leaves some fields of a few people unset.
func (g *generator) account(u *User, i int) {
	u.Status.IsActivated = true
	u.IsTenantManager = i == 0
	switch draw := g.rng.IntN(200); {
	case draw == 0 && i > 0:
		u.Status.IsFrozen = true
	case draw < 4 && i > 0:
		u.Status.IsActivated = false
	case draw < 6 && i > 0:
		u.Status = Status{IsUnjoin: true}
	}
	switch g.rng.IntN(40) {
	case 0:
		u.EnName = ""
	case 1:
		u.City, u.Country = "", ""
	case 2:
		u.JobTitle = ""
	case 3:
		u.JoinTime = 0
	case 4:
		u.Mobile = ""
	}
}

func (g *generator) attributes() []CustomAttr {
	var out []CustomAttr
	if g.rng.IntN(6) == 0 {
		out = append(out, CustomAttr{"TEXT", attrText, CustomAttrValue{Text: skills[g.rng.IntN(len(skills))]}})
	}
	if g.rng.IntN(20) == 0 {
		url := "https://wiki.sandbox.example.com/people/" + strconv.Itoa(g.rng.IntN(100000))
		out = append(out, CustomAttr{"HREF", attrLink, CustomAttrValue{Text: "个人主页", URL: url, PcURL: url}})
	}
	if g.rng.IntN(10) == 0 {
		size := shirtSizes[g.rng.IntN(len(shirtSizes))]
		out = append(out, CustomAttr{"ENUMERATION", attrChoice, CustomAttrValue{OptionID: size.en, OptionValue: size.zh}})
	}
	if len(g.users) > 0 && g.rng.IntN(50) == 0 {
		mentor := g.users[g.rng.IntN(len(g.users))]
		out = append(out, CustomAttr{"GENERIC_USER", attrPerson, CustomAttrValue{GenericUser: mentor.OpenID}})
	}
	return out
}

// mobileOf spreads the numbers without ever repeating one: the factor and the
// modulus have no common divisor.
func mobileOf(i int) string {
	prefixes := [...]string{"138", "139", "150", "158", "176", "186", "188", "199"}
	return fmt.Sprintf("+86%s%08d", prefixes[i%len(prefixes)], (i*48271+12345)%100_000_000)
}

// seatPeople enters everybody into the indexes. One sort for each department
// is much less work than putting people into their places one by one.
func (g *generator) seatPeople() {
	o := g.org
	for _, u := range g.users {
		o.index(u)
		for _, order := range u.Orders {
			n := o.departments[order.DepartmentID]
			n.members = append(n.members, seat{order: order.UserOrder, user: u})
		}
		o.count(u, 1)
	}
	for _, n := range g.nodes {
		slices.SortFunc(n.members, compareSeats)
	}
}

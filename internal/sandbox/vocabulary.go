package sandbox

// phrase is a Chinese text with its English.
type phrase struct{ zh, en string }

// functions name what a department does.
var functions = []phrase{
	{"研发", "R&D"},
	{"产品", "Product"},
	{"设计", "Design"},
	{"测试", "Testing"},
	{"运维", "Operations"},
	{"数据", "Data"},
	{"算法", "Algorithms"},
	{"安全", "Security"},
	{"市场", "Marketing"},
	{"销售", "Sales"},
	{"财务", "Finance"},
	{"法务", "Legal"},
	{"人力资源", "Human Resources"},
	{"行政", "Administration"},
	{"采购", "Procurement"},
	{"供应链", "Supply Chain"},
	{"物流", "Logistics"},
	{"仓储", "Warehousing"},
	{"生产", "Production"},
	{"质量", "Quality"},
	{"工艺", "Process Engineering"},
	{"品牌", "Brand"},
	{"公共关系", "Public Relations"},
	{"战略", "Strategy"},
	{"投资", "Investment"},
	{"审计", "Audit"},
	{"信息技术", "IT"},
	{"培训", "Training"},
	{"渠道", "Channels"},
	{"电商", "E-commerce"},
	{"国际业务", "International"},
	{"售后服务", "After-sales"},
	{"架构", "Architecture"},
	{"前端", "Frontend"},
	{"后端", "Backend"},
	{"移动端", "Mobile"},
	{"平台", "Platform"},
	{"基础设施", "Infrastructure"},
	{"用户增长", "Growth"},
	{"商业化", "Monetisation"},
}

// ranks are what departments of each level are called; the last one holds for
// everything deeper.
var ranks = []phrase{
	{"事业群", "Group"}, {"中心", "Center"}, {"部", "Department"}, {"处", "Section"}, {"组", "Team"},
}

var cities = []phrase{
	{"北京", "Beijing"},
	{"上海", "Shanghai"},
	{"深圳", "Shenzhen"},
	{"广州", "Guangzhou"},
	{"杭州", "Hangzhou"},
	{"成都", "Chengdu"},
	{"武汉", "Wuhan"},
	{"南京", "Nanjing"},
	{"西安", "Xi'an"},
	{"重庆", "Chongqing"},
	{"苏州", "Suzhou"},
	{"天津", "Tianjin"},
	{"长沙", "Changsha"},
	{"郑州", "Zhengzhou"},
	{"青岛", "Qingdao"},
	{"宁波", "Ningbo"},
	{"合肥", "Hefei"},
	{"佛山", "Foshan"},
	{"东莞", "Dongguan"},
	{"沈阳", "Shenyang"},
	{"大连", "Dalian"},
	{"厦门", "Xiamen"},
	{"福州", "Fuzhou"},
	{"济南", "Jinan"},
	{"昆明", "Kunming"},
	{"哈尔滨", "Harbin"},
	{"长春", "Changchun"},
	{"石家庄", "Shijiazhuang"},
	{"南昌", "Nanchang"},
	{"贵阳", "Guiyang"},
	{"南宁", "Nanning"},
	{"太原", "Taiyuan"},
	{"无锡", "Wuxi"},
	{"温州", "Wenzhou"},
	{"泉州", "Quanzhou"},
	{"珠海", "Zhuhai"},
	{"惠州", "Huizhou"},
	{"中山", "Zhongshan"},
	{"常州", "Changzhou"},
	{"南通", "Nantong"},
	{"徐州", "Xuzhou"},
	{"绍兴", "Shaoxing"},
	{"嘉兴", "Jiaxing"},
	{"金华", "Jinhua"},
	{"台州", "Taizhou"},
	{"烟台", "Yantai"},
	{"潍坊", "Weifang"},
	{"临沂", "Linyi"},
	{"洛阳", "Luoyang"},
	{"襄阳", "Xiangyang"},
	{"宜昌", "Yichang"},
	{"株洲", "Zhuzhou"},
	{"桂林", "Guilin"},
	{"海口", "Haikou"},
	{"三亚", "Sanya"},
	{"兰州", "Lanzhou"},
	{"银川", "Yinchuan"},
	{"西宁", "Xining"},
	{"乌鲁木齐", "Urumqi"},
	{"拉萨", "Lhasa"},
}

var jobTitles = []string{
	"工程师", "高级工程师", "资深工程师", "架构师", "产品经理", "高级产品经理", "项目经理", "设计师", "测试工程师", "数据分析师",
	"运营专员", "市场专员", "销售经理", "客户经理", "财务专员", "会计", "法务顾问", "招聘专员", "行政助理", "采购专员", "实习生", "顾问",
}

// builtInTypes are the employee types that Feishu has made, in the order of
// their values; companyTypes are some that companies make.
var (
	builtInTypes = []phrase{{"正式", "Regular"}, {"实习", "Intern"}, {"外包", "Outsourcing"}, {"劳务", "Contractor"}, {"顾问", "Consultant"}}
	companyTypes = []phrase{{"返聘", "Rehired Retiree"}, {"兼职", "Part-time"}, {"管培生", "Management Trainee"}}
)

// Ids of the tenant's custom attributes, of the job levels and families that
// people refer to, and of the options of the enumeration.
const (
	attrText   = "C-6965457429001748507"
	attrLink   = "C-6965457429001748508"
	attrChoice = "C-6965457429001748509"
	attrPerson = "C-6965457429001748510"

	attrPicture = "C-6965457429001748511"
)

var (
	shirtSizes  = []phrase{{"S", "ac5dfn"}, {"M", "b8kq2c"}, {"L", "cm31xe"}, {"XL", "d90vpa"}}
	badges      = []phrase{{"金牌讲师", "v2_badge_gold"}, {"十年陪伴", "v2_badge_ten"}, {"创新先锋", "v2_badge_new"}}
	skills      = []string{"Go、PostgreSQL", "数据建模", "英语（流利）", "日语 N1", "PMP", "消防员", "急救证书", "公开演讲"}
	jobLevels   = []string{"mga5oa8ayjlp9rb", "mga5oa8ayjlpkzy", "mga5oa8ayjlpt2d", "mga5oa8ayjlpw7q"}
	jobFamilies = []string{"mga5oa8ayjlf1uo", "mga5oa8ayjlf8vb", "mga5oa8ayjlfn3s"}
	signatures  = []string{"", "", "", "", "保持好奇", "在路上", "Stay hungry, stay foolish", "有事请留言 \"谢谢\""}
)

// groupTopics name groups and say what they are for, unitNames units by name and
// type.
var (
	groupTopics = []phrase{
		{"全体讲师", "Lecturers"},
		{"上海办公区", "Everybody in the Shanghai office"},
		{"安全委员会", "Security committee"},
		{"新员工", "People who joined this quarter"},
		{"党支部", "Party branch"},
		{"项目管理", "Project managers"},
		{"羽毛球俱乐部", "Badminton club"},
		{"外包人员", "Outsourced staff"},
		{"应急响应", "On call"},
		{"试点用户", "Pilot users"},
	}
	unitNames = [][2]string{{"华东公司", "子公司"}, {"华南公司", "子公司"}, {"智能硬件", "事业部"}, {"海外公司", "子公司"}}
)

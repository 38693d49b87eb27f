package sandbox

// Codes of the methods that write people.
const (
	codeOtherRequest       = 40021
	codeAccountConflict    = 41003
	codeMobileInvalid      = 41004
	codeEmailInvalid       = 41005
	codeNoContact          = 41009
	codeNoMobile           = 41010
	codeFullDepartment     = 41016
	codeManyDepartments    = 41033
	codeMailPrefixTaken    = 41034
	codeMailPrefixInvalid  = 41035
	codeAvatarKey          = 41036
	codeGender             = 41038
	codeNameBlank          = 41040
	codeDepartmentEmpty    = 41041
	codeJoinTime           = 41042
	codeUserIDLong         = 41043
	codeAttrNoID           = 41044
	codeAttrUnknown        = 41045
	codeAttrNoValue        = 41046
	codeAttrNoText         = 41047
	codeAttrNoURL          = 41048
	codeAcceptor           = 41052
	codeNewUserID          = 41054
	codeFieldAuthority     = 41056
	codeEmployeeType       = 41059
	codeEmployeeTypeOff    = 41060
	codeJobTitleLong       = 41063
	codeMailDomain         = 44001
	codeOrdersAlone        = 44002
	codeResignedEmpty      = 44003
	codeNameLong           = 44006
	codeEnNameLong         = 44007
	codeNicknameLong       = 44008
	codeUnjoined           = 44010
	codeExited             = 44011
	codeInactiveMail       = 44014
	codeForeignMobile      = 44020
	codeLeaderResigned     = 44021
	codeMailIsAccount      = 44024
	codeTooLateToResurrect = 44028
	codeMayNotResurrect    = 44029
	codeMobileReused       = 44030
	codeEmailReused        = 44031
	codeUserIDReused       = 44032
	codeNotResigned        = 44033
	codeBeingDeleted       = 44034
	codeFreezeFounder      = 44036
	codeDeleteManager      = 44037
	codeGeoUnknown         = 44038
	codeGeoAuthority       = 44039
	codeJobLevel           = 44044
	codeJobFamily          = 44045
	codeSeatInvalid        = 44048
	codeSeatAuthority      = 44050
	codeEmployeeNoTaken    = 44051
)

// Codes of the methods that write departments.
const (
	codeUpdateDeptID      = 40007
	codeDeptInfo          = 40008
	codeDeptName          = 40016
	codeUpdateNoParent    = 40017
	codeDeptParam         = 40018
	codeNoChat            = 40020
	codeUnitUnknown       = 43004
	codeOrderTaken        = 43005
	codeCustomIDInvalid   = 43008
	codeManyChildren      = 43013
	codeUnitDepartments   = 43017
	codeI18nNameTaken     = 43018
	codeDeptNameTaken     = 43022
	codeTopLeaderUnjoined = 43025
	codeGroupChatTypes    = 43026
	codeSeparator         = 43029
	codeNoParentGiven     = 44101
	codeSearchParam       = 48001
)

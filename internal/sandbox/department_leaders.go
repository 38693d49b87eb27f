package sandbox

import "slices"

// leadership is about leader_user_id and leaders, which are two ways to name
// the main leader.
func (w *departmentWrite) leadership() error {
	b := &w.body
	main := ""
	if b.Leader != nil && *b.Leader != "" {
		id, err := w.leader(*b.Leader)
		if err != nil {
			return err
		}
		main = id
	}
	switch {
	case b.Leaders == nil && b.Leader == nil:
		return nil
	case b.Leaders == nil:
		w.leadAlone(main)
		return nil
	}
	leaders, err := w.leaderList(*b.Leaders)
	if err != nil {
		return err
	}
	if b.Leader != nil && len(leaders) > 0 && !slices.Contains(leaders, Leader{mainLeader, main}) {
		return refuse(codeDeptParam)
	}
	if len(leaders) == 0 && main != "" {
		leaders = []Leader{{mainLeader, main}}
	}
	w.next.Leaders = leaders
	w.next.LeaderUserID = ""
	if w.before != nil {
		w.next.LeaderUserID = w.before.LeaderUserID // so that the list rules
	}
	return nil
}

// leadAlone makes somebody the main leader, nobody where id is "", and lets the
// deputies be.
func (w *departmentWrite) leadAlone(id string) {
	leaders := slices.DeleteFunc(slices.Clone(w.next.Leaders), func(l Leader) bool {
		return l.LeaderType == mainLeader || l.LeaderID == id
	})
	if id != "" {
		leaders = slices.Insert(leaders, 0, Leader{mainLeader, id})
	}
	w.next.Leaders = leaders
	w.next.LeaderUserID = ""
	if w.before != nil {
		w.next.LeaderUserID = w.before.LeaderUserID
	}
}

// leaderList reads leaders: one main leader and any deputies, or nobody.
func (w *departmentWrite) leaderList(sent []leaderBody) ([]Leader, error) {
	var leaders []Leader
	mains := 0
	for _, l := range sent {
		if l.LeaderType == nil || missing(l.LeaderID) || *l.LeaderType != mainLeader && *l.LeaderType != deputyLeader {
			return nil, refuse(codeDeptParam)
		}
		id, err := w.leader(*l.LeaderID)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(leaders, func(other Leader) bool { return other.LeaderID == id }) {
			return nil, refuse(codeLeaderTwice)
		}
		if *l.LeaderType == mainLeader {
			mains++
		}
		leaders = append(leaders, Leader{*l.LeaderType, id})
	}
	if len(leaders) > 0 && mains != 1 {
		return nil, refuse(codeDeptParam)
	}
	return leaders, nil
}

// leader finds somebody to lead the department. An unknown id is the gateway's
// to refuse, except that creating a department has a code of its own for it.
func (w *departmentWrite) leader(id string) (string, error) {
	u, err := w.c.view.findUser(id)
	switch {
	case err != nil && w.how == creating:
		return "", refuse(codeUserIDInvalid)
	case err != nil:
		return "", err
	case u.Status.IsResigned:
		return "", refuse(codeResigned)
	case u.Status.IsUnjoin && w.parent == w.c.server.org.root:
		return "", refuse(codeTopLeaderUnjoined)
	}
	return u.OpenID, nil
}

package rehearsal

import "time"

// RequestText is a call of the echo, before it is sealed.
func RequestText(id, message string) string {
	return request{id: id, at: time.UnixMilli(1e12), message: message}.text()
}

// Lax returns what a text becomes by each change that is to be rejected.
func Lax(text string) map[string]string { return changed(text, lax) }

// Unusual returns what it becomes by each change that means the same, or adds a member.
func Unusual(text string) map[string]string { return changed(text, append(unusual, unknownMember)) }

func changed(text string, by []oddity) map[string]string {
	out := map[string]string{}
	for _, o := range by {
		out[o.name] = o.change(text)
	}
	return out
}

// ReadReply reads what an echo answers.
func ReadReply(payload []byte) error {
	_, err := readReply(payload)
	return err
}

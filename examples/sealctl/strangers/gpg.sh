#!/bin/bash
# An echo endpoint on GnuPG, as a CGI script. OWN and PEER name folders of *.asc, which are
# imported for each request; FAULT names a mistake.
set -u
umask 077
here=$(dirname "$0")
limit=1048576

home=$(mktemp -d)
trap 'gpgconf --homedir "$home" --kill gpg-agent; rm -rf "$home"' EXIT

gpg() {
	command gpg --homedir "$home" --batch --quiet --no-tty --no-options --disable-dirmngr --trust-model always \
		--pinentry-mode loopback --passphrase '' --weak-digest SHA1 "$@"
}

# Without a trustdb gpg fails to list a certificate that is revoked.
command gpg --homedir "$home" --batch --quiet --no-options --check-trustdb 2>/dev/null

# refuse STATUS WHY answers with an empty body.
refuse() {
	printf 'Status: %s\r\n\r\n' "$1"
	[ "${FAULT:-}" = text ] && printf '%s' "$2"
	echo "refused: $1 $2" >&2
	exit 0
}

# reject WHY answers what does not open in one way: gpg --batch ends at a bad signature,
# before it knows whether the content is intact.
reject() { refuse 404 "$1"; }

# decode undoes armor, or base64url.
decode() {
	if head -c 27 "$1" | grep -q '^-----BEGIN PGP MESSAGE-----'; then
		gpg --dearmor <"$1"
		return
	fi
	tr -d '\r\n=' <"$1" | tr '_-' '/+' >"$home/base64"
	for ((n = $(stat -c %s "$home/base64"); n % 4 != 0; n++)); do printf '=' >>"$home/base64"; done
	base64 -d "$home/base64"
}

case "${FAULT:-}" in
'' | first-key | first-signature | expired-signer | text) ;;
*) refuse 500 "FAULT=$FAULT: the names are first-key, first-signature, expired-signer, text" ;;
esac
[ "${REQUEST_METHOD:-}" = POST ] || refuse 405 'not a POST'
type=${CONTENT_TYPE:-}
[ "${type%%;*}" = application/octet-stream ] || refuse 415 'another content type'
head -c $((limit + 1)) >"$home/body"
[ "$(stat -c %s "$home/body")" -le "$limit" ] || refuse 413 'too long'

own=("$OWN"/*.asc)
peer=("$PEER"/*.asc)
gpg --import "${peer[@]}" 2>/dev/null
if [ "${FAULT:-}" = first-key ]; then
	gpg --import "${own[0]}" 2>/dev/null
else
	gpg --import "${own[@]}" 2>/dev/null
fi

# primaries FILTER FILE... lists the fingerprints of certificates whose validity fits.
primaries() {
	filter=$1
	shift
	cat "$@" | gpg --with-colons --show-keys 2>/dev/null |
		awk -F: -v filter="$filter" '$1 == "pub" || $1 == "sec" { good = $2 !~ filter; want = 1 } $1 == "fpr" && want { if (good) print $10; want = 0 }'
}

decode "$home/body" >"$home/message" 2>/dev/null || reject 'INVALID_PAYLOAD_ENCRYPTION: neither base64url nor armor'
gpg --status-file "$home/status" --max-output 8388608 --output "$home/payload" --decrypt "$home/message" 2>"$home/log"
why=$(cat "$home/log")

# What was decrypted counts if AES encrypted it, and SEIPD or an AEAD kept it intact.
grep -q '^\[GNUPG:\] DECRYPTION_OKAY' "$home/status" || reject "INVALID_PAYLOAD_ENCRYPTION: $why"
grep -qE '^\[GNUPG:\] DECRYPTION_INFO (2 [789]( |$)|0 [789] [12]$)' "$home/status" || reject 'INVALID_PAYLOAD_ENCRYPTION: a weak cipher'

# A signature counts if it is good, and by a key of the partner, which is not ours.
count='GOODSIG'
[ "${FAULT:-}" = expired-signer ] && count='GOODSIG|EXPKEYSIG'
partners=$(primaries '^$^' "${peer[@]}")
signed=$(awk -v count="^($count)\$" -v only="${FAULT:-}" -v partners="$partners" '
	BEGIN { n = split(partners, list); for (i = 1; i <= n; i++) known[list[i]] = 1 }
	$2 == "NEWSIG" { sigs++; good = 0 }
	$2 ~ count { good = 1 }
	$2 == "VALIDSIG" && good && known[$NF] && (only != "first-signature" || sigs == 1) { print $NF; exit }
' "$home/status")
[ -n "$signed" ] || reject "INVALID_PAYLOAD_SIGNATURE: $why"

gpg --import "${own[@]}" 2>/dev/null
to=()
for fpr in $(primaries '^[er]$' "${peer[@]}"); do to+=(--recipient "$fpr"); done
for fpr in $(primaries '^[er]$' "${own[@]}"); do to+=(--local-user "$fpr"); done
python3 "$here/answer.py" <"$home/payload" >"$home/answer" || refuse 500 'no answer'
tail -n +2 "$home/answer" | gpg --digest-algo SHA384 --cipher-algo AES256 "${to[@]}" --sign --encrypt >"$home/reply" 2>"$home/log" ||
	refuse 500 "$(cat "$home/log")"
printf 'Status: %s\r\nContent-Type: application/octet-stream; charset=utf-8\r\n\r\n' "$(head -n 1 "$home/answer")"
base64 -w 0 "$home/reply" | tr '/+' '_-' | tr -d =

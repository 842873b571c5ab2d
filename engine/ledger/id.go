package ledger

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ID names one credential everywhere: in its answer, in its lease, as the key of its record, and at
// ProcessMaker. It begins with the minute of the credential's deadline, so that what is due can be
// listed without a look at what is not, and ends in 80 random bits.
type ID string

const (
	// minuteDigits is the fixed width of the minute, so that the order of keys is the order of
	// time; six base32 digits last until the year 4010.
	minuteDigits = 6
	randomBytes  = 10
)

// base32hex without padding keeps the order of numbers (RFC 4648 §7); lower case: ids are typed.
var randomEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

var idPattern = regexp.MustCompile(`^[0-9a-v]{6}[0-9a-v]{16}$`)

// NewID makes the id of a credential that has to be dead at deadline.
func NewID(deadline time.Time, random io.Reader) (ID, error) {
	bits := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, bits); err != nil {
		return "", fmt.Errorf("no randomness for a credential id: %w", err)
	}
	return ID(Bucket(deadline) + randomEncoding.EncodeToString(bits)), nil
}

// ParseID checks that text is the id of a credential.
func ParseID(text string) (ID, error) {
	if !idPattern.MatchString(text) {
		return "", errors.New("not a credential_id: 22 characters out of 0-9 and a-v are expected")
	}
	return ID(text), nil
}

// Bucket names the minute in which t lies: the ledger keeps what has its deadline in it there.
func Bucket(t time.Time) string {
	minute := max(t.Unix(), 0) / 60
	digits := strconv.FormatInt(minute, 32)
	return strings.Repeat("0", max(minuteDigits-len(digits), 0)) + digits
}

var bucketPattern = regexp.MustCompile(`^[0-9a-v]{6}$`)

// following is the minute after bucket.
func following(bucket string) string {
	return Bucket(bucketStart(bucket).Add(time.Minute))
}

// bucketStart is the first moment of a minute; the zero time for what is none.
func bucketStart(bucket string) time.Time {
	minute, err := strconv.ParseInt(bucket, 32, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(minute*60, 0).UTC()
}

func (id ID) key() string {
	return Prefix + string(id[:minuteDigits]) + "/" + string(id[minuteDigits:])
}

// Deadline is the first moment of the minute in which the credential has to be dead.
func (id ID) Deadline() time.Time { return bucketStart(string(id[:minuteDigits])) }

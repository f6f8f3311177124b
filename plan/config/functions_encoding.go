package config

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func base64EncodeFunc() function.Function {
	return textToText(func(s string) (string, error) { return inBase64([]byte(s)), nil })
}

func base64DecodeFunc() function.Function {
	return textToText(func(s string) (string, error) {
		out, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("it is not Base64")
		}
		if !utf8.Valid(out) {
			return "", errors.New("what it stands for is not a text in UTF-8")
		}
		return string(out), nil
	})
}

func urlEncodeFunc() function.Function {
	return textToText(func(s string) (string, error) { return url.QueryEscape(s), nil })
}

func urlDecodeFunc() function.Function {
	return textToText(func(s string) (string, error) {
		out, err := url.QueryUnescape(s)
		if err != nil || !utf8.ValidString(out) {
			return "", errors.New("it is not encoded as in a URL")
		}
		return out, nil
	})
}

func sumMD5(b []byte) []byte { s := md5.Sum(b); return s[:] }
func sum1(b []byte) []byte   { s := sha1.Sum(b); return s[:] }
func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte { s := sha512.Sum512(b); return s[:] }

func inHex(b []byte) string    { return hex.EncodeToString(b) }
func inBase64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func textHashFunc(sum func([]byte) []byte, encode func([]byte) string) function.Function {
	return textToText(func(s string) (string, error) { return encode(sum([]byte(s))), nil })
}

// uuidV5Func follows RFC 9562, section 5.5.
func uuidV5Func() function.Function {
	p := params("namespace", cty.String, "name", cty.String)
	return computes(cty.String, p, func(args []cty.Value) (cty.Value, error) {
		space, err := uuidNamespace(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(0, err)
		}
		u := sum1(append(space, args[1].AsString()...))[:16]
		u[6] = u[6]&0x0f | 0x50
		u[8] = u[8]&0x3f | 0x80
		return cty.StringVal(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])), nil
	})
}

func uuidNamespace(s string) ([]byte, error) {
	switch s {
	case "dns":
		s = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	case "url":
		s = "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
	case "oid":
		s = "6ba7b812-9dad-11d1-80b4-00c04fd430c8"
	case "x500":
		s = "6ba7b814-9dad-11d1-80b4-00c04fd430c8"
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 || strings.Count(s, "-") != 4 {
		return nil, errors.New(`it is "dns", "url", "oid", "x500" or a UUID`)
	}
	return b, nil
}

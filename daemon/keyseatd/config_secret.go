package main

import (
	"slices"
	"strings"
)

const hidden = "***"

// publicParams are the URL parameters that may be printed. Every other parameter is hidden.
var publicParams = []string{
	"application_name", "channel_binding", "connect_timeout", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs",
}

// redactURL hides the secrets in a value that is a URL: a password or a token before the host, and unknown
// parameters. It works on the text without a URL parser, because an invalid URL may contain secrets too.
func redactURL(value string) string {
	scheme, rest, isURL := strings.Cut(value, "://")
	if !isURL {
		return value
	}
	user := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, rest = redactUserinfo(scheme, rest[:at])+"@", rest[at+1:]
	}
	place, query, asks := strings.Cut(rest, "?")
	if asks {
		place += "?" + redactQuery(query)
	}
	return scheme + "://" + user + place
}

// hasPassword reports whether a value is a URL with a password or a token.
func hasPassword(value string) bool {
	place, query, _ := strings.Cut(value, "?")
	return redactURL(place) != place || strings.Contains("&"+query, "&password=")
}

// redactUserinfo returns the printable form of the part before the @. A database URL shows the user's name.
// Anything else is hidden, because it may be a token.
func redactUserinfo(scheme, userinfo string) string {
	name, _, password := strings.Cut(userinfo, ":")
	switch {
	case !strings.HasPrefix(scheme, "postgres") || strings.ContainsAny(userinfo, "/?#@"):
		return hidden
	case password:
		return name + ":" + hidden
	}
	return name
}

func redactQuery(query string) string {
	all := strings.Split(query, "&")
	for i, pair := range all {
		name, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(publicParams, name) {
			all[i] = name + "=" + hidden
		}
	}
	return strings.Join(all, "&")
}

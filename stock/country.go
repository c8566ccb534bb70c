package stock

import (
	"errors"
	"slices"
	"strings"
)

// A Country is an ISO 3166-1 alpha-2 code in upper case, or XK, which stands for Kosovo by common use.
type Country string

// ErrCountry reports that a text is not the code of a country.
var ErrCountry = errors.New("the country must be an ISO 3166-1 alpha-2 code (e.g., US)")

// codes holds the officially assigned codes of ISO 3166-1 and XK, in alphabetical order.
const codes = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
	"GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP " +
	"KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ " +
	"NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW " +
	"SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

var countries = strings.Fields(codes)

// Countries lists the codes of all countries, in alphabetical order.
func Countries() []Country {
	all := make([]Country, len(countries))
	for i, c := range countries {
		all[i] = Country(c)
	}
	return all
}

// ParseCountry reads the code of a country, in upper or lower case. The error is [ErrCountry].
func ParseCountry(s string) (Country, error) {
	upper := strings.ToUpper(s)
	if _, found := slices.BinarySearch(countries, upper); !found || len(s) != len(upper) {
		return "", ErrCountry
	}
	return Country(upper), nil
}

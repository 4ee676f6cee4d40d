const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) GMT$/

/**
 * An HTTP date (IMF-fixdate, RFC 9110, 5.6.7) in milliseconds since 1970; undefined: it is none. The two obsolete
 * forms are not read: nobody who sends a date to a mesh may send them any more.
 */
export function parseHttpDate(text: string): number | undefined {
  const match = IMF_FIXDATE.exec(text)
  if (match === null) return undefined
  const [day, year, hour, minute, second] = [match[1], match[3], match[4], match[5], match[6]].map(
    Number,
  ) as [number, number, number, number, number]
  const month = MONTHS.indexOf(match[2] as string)
  if (month < 0 || day < 1 || day > 31) return undefined
  return ((daysSince1970(year, month + 1, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000
}

/** Gregorian days by counting years from March, so that the leap day comes last (H. Hinnant, days_from_civil). */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const ofEra = shifted - era * 400
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
}

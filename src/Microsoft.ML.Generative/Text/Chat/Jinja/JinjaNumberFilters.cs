using System.Globalization;
using static Microsoft.ML.Generative.Text.Chat.Jinja.JinjaTextFilters;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Filters that give numbers.</summary>
internal static class JinjaNumberFilters
{
    public static object Round(object? value, JinjaParameters parameters)
    {
        long precision = Math.Clamp(parameters.Integer("precision", 0), -300, 300);
        string method = parameters.OptionalText("method")?.Value ?? "common";
        if (method is not ("common" or "ceil" or "floor"))
            throw new JinjaException("the method of 'round' is none of common, ceil and floor");
        if (value is long or bool && method == "common" && precision >= 0)
            return JinjaValues.Integer(value, "round");
        double number = JinjaValues.Number(value) ?? throw new JinjaException($"{JinjaValues.TypeName(value)} cannot be rounded");
        double scale = Math.Pow(10, precision);
        return method switch
        {
            "ceil" => Math.Ceiling(number * scale) / scale,
            "floor" => Math.Floor(number * scale) / scale,
            _ when precision is > 0 and <= 15 => double.Parse(
                number.ToString($"F{precision}", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture),
            _ when precision > 0 => number,
            _ => Math.Round(number * scale, MidpointRounding.ToEven) / scale,
        };
    }

    public static double? Float(JinjaFrame frame, object? value)
    {
        if (value is not JinjaText)
            return JinjaValues.Number(value);
        string text = TextOf(frame, value).Value.Trim().Replace("_", "", StringComparison.Ordinal);
        return text.ToUpperInvariant().TrimStart('+', '-') switch
        {
            "INF" or "INFINITY" => text.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
            "NAN" => double.NaN,
            _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null,
        };
    }

    public static object? Integer(JinjaFrame frame, object? value, JinjaParameters parameters)
    {
        object? missing = parameters.Has("default") ? parameters["default"] : 0L;
        long radix = parameters.Integer("base", 10);
        if (value is JinjaText text && radix is 2 or 8 or 16)
        {
            string digits = text.Value.Trim();
            if (digits.Length > 2 && digits[0] == '0' && char.ToUpperInvariant(digits[1]) == (radix == 16 ? 'X' : radix == 8 ? 'O' : 'B'))
                digits = digits[2..];
            try
            {
                return digits.Length == 0 ? missing : Convert.ToInt64(digits, (int)radix);
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
            {
                return missing;
            }
        }

        if (value is JinjaText whole && long.TryParse(
            whole.Value.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return number;
        return value is long ? value
            : Float(frame, value) is { } f && Math.Abs(f) < long.MaxValue ? (long)Math.Truncate(f)
            : missing;
    }
}

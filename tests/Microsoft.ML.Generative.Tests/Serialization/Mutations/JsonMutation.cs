using System.Text.RegularExpressions;
using CsCheck;

namespace Microsoft.ML.Generative.Tests;

/// <summary>One change to the tokens of a JSON text, which mostly leaves it JSON and sometimes not.</summary>
internal readonly partial record struct JsonMutation(JsonDamage Damage, uint Where, uint How)
{
    private static readonly string[] _values =
    [
        "0", "1", "2", "-1", "3", "8", "44", "45", "1.5", "1e3", "1e308", "-0", "2147483648", "4294967296", "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616", "99999999999999999999999999", "null", "true", "{}", "[]", "[0,0]", "[-1]", "[4294967296,4294967296]",
        "\"\"", "\"F32\"", "\"F64\"",
        "\"BOOL\"", "\"BF16\"", "\"U64\"", "\"F8_E4M3\"", "\"\\ud800\"", "\"a\\u0000b\"", "\"dtype\"", "\"shape\"", "\"data_offsets\"",
        "\"__metadata__\"",
        "\"total_size\"", "\"model-00001-of-00002.safetensors\"", "\"model-00002-of-00002.safetensors\"",
        "\"../outside/model-00001-of-00002.safetensors\"",
        "\"..\\\\outside\\\\model-00001-of-00002.safetensors\"", "\"/etc/passwd\"", "\"/dev/zero.safetensors\"", "\"link.safetensors\"",
        "\"C:\\\\x.safetensors\"",
        "\"CON.safetensors\"", "\".\"", "\"..\"", "\"model.safetensors.index.json\"",
    ];

    public static Gen<JsonMutation[]> Any { get; } =
        Gen.Select(Gens.OneOf(Enum.GetValues<JsonDamage>()), Gen.UInt, Gen.UInt, (damage, where, how) =>
            new JsonMutation(damage, where, how)).Array[1, 3];

    public static string Apply(string json, IEnumerable<JsonMutation> mutations) => mutations.Aggregate(json, (j, m) => m.Apply(j));

    private string Apply(string json)
    {
        List<string> tokens = [.. Token().Matches(json).Select(m => m.Value)];
        if (tokens.Count == 0)
            return _values[How % _values.Length];

        int at = (int)(Where % (uint)tokens.Count);
        int other = (int)(How % (uint)tokens.Count);
        switch (Damage)
        {
            case JsonDamage.Value:
                int value = Nearest(tokens, at, t => char.IsLetterOrDigit(t[0]) || t[0] is '"' or '-');
                tokens[value] = _values[How % _values.Length];
                break;
            case JsonDamage.Number:
                int number = Nearest(tokens, at, t => char.IsDigit(t[0]));
                tokens[number] = long.TryParse(tokens[number], out long n) ? (n + How % 9 - 4).ToString() : tokens[number];
                break;
            case JsonDamage.RemoveToken:
                tokens.RemoveAt(at);
                break;
            case JsonDamage.RepeatToken:
                tokens.Insert(at, tokens[at]);
                break;
            case JsonDamage.SwapTokens:
                (tokens[at], tokens[other]) = (tokens[other], tokens[at]);
                break;
            case JsonDamage.CopyToken:
                tokens[other] = tokens[at];
                break;
            case JsonDamage.RemoveMember or JsonDamage.RepeatMember or JsonDamage.SplitKey:
                int key = Nearest(tokens, at, t => t[0] == '"');
                int end = EndOfMember(tokens, key);
                if (Damage == JsonDamage.RemoveMember)
                    tokens.RemoveRange(key, end - key);
                else if (Damage == JsonDamage.RepeatMember)
                    tokens.InsertRange(key, [.. tokens[key..end], .. tokens[end - 1] == "," ? [] : (string[])[","]]);
                else
                    tokens[key] = tokens[key][..^1] + "x\"";
                break;
            case JsonDamage.Nest:
                int depth = 1 << (int)(How % 14);
                tokens[at] = new string('[', depth) + tokens[at] + new string(']', depth);
                break;
            case JsonDamage.LongText:
                tokens[at] = $"\"{new string('n', 1 << (int)(How % 14))}\"";
                break;
        }

        return string.Concat(tokens);
    }

    private static int Nearest(List<string> tokens, int at, Func<string, bool> fits) =>
        Enumerable.Range(0, tokens.Count).Select(i => (at + i) % tokens.Count).FirstOrDefault(i => fits(tokens[i]), at);

    private static int EndOfMember(List<string> tokens, int key)
    {
        int depth = 0;
        for (int i = key; i < tokens.Count; i++)
        {
            depth += tokens[i] is "{" or "[" ? 1 : tokens[i] is "}" or "]" ? -1 : 0;
            if (depth < 0)
                return Math.Max(i, key + 1);
            if (depth == 0 && tokens[i] == ",")
                return i + 1;
        }

        return tokens.Count;
    }

    [GeneratedRegex("""
        "(\\.|[^"\\])*"|[-+.\w]+|\s+|.
        """, RegexOptions.Singleline)]
    private static partial Regex Token();
}

internal enum JsonDamage
{
    Value,
    Number,
    RemoveToken,
    RepeatToken,
    SwapTokens,
    CopyToken,
    RemoveMember,
    RepeatMember,
    SplitKey,
    Nest,
    LongText,
}

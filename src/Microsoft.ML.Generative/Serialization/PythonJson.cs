namespace Microsoft.ML.Generative.Serialization;

/// <summary>JSON as Python writes it: with NaN and infinities, which JSON does not have.</summary>
internal static class PythonJson
{
    private static readonly byte[][] _words = ["-Infinity"u8.ToArray(), "Infinity"u8.ToArray(), "NaN"u8.ToArray()];

    /// <summary>Puts quotation marks around NaN and infinities that stand where a value may.</summary>
    public static byte[] QuoteWords(byte[] json)
    {
        if (json.AsSpan().IndexOf("Infinity"u8) < 0 && json.AsSpan().IndexOf("NaN"u8) < 0)
            return json;
        List<byte> quoted = [];
        bool isInString = false;
        for (int i = 0; i < json.Length; i++)
        {
            if (isInString && json[i] == '\\' && i + 1 < json.Length)
            {
                quoted.Add(json[i++]);
            }
            else if (json[i] == '"')
            {
                isInString = !isInString;
            }
            else if (!isInString && Array.Find(_words, word => json.AsSpan(i).StartsWith(word)) is { } found)
            {
                quoted.AddRange([(byte)'"', .. found, (byte)'"']);
                i += found.Length - 1;
                continue;
            }

            quoted.Add(json[i]);
        }

        return [.. quoted];
    }
}

using System.Text;

namespace Microsoft.ML.Generative.Text.LanguageModels.Chat;

/// <summary>Cuts a text that comes in pieces into sentences, at the same places however it is cut into pieces.</summary>
internal sealed class SentenceCutter
{
    // A text without ends of sentences is cut all the same, so that nothing waits for its end.
    private const int Longest = 400;

    private readonly StringBuilder _rest = new();

    /// <summary>Characters of the sentences that are complete.</summary>
    public int Completed { get; private set; }

    /// <summary>Adds a piece.</summary>
    /// <returns>The sentences that it completes.</returns>
    public IEnumerable<string> Append(string piece)
    {
        foreach (char c in piece)
        {
            // A mark ends a sentence where a space comes after it: it does not in 3.5 and example.com.
            if (char.IsWhiteSpace(c) && c != '\n' && _rest.Length > 0 && IsEnd(_rest[^1]))
                yield return Take();
            _rest.Append(c);
            if (c is '\n' or '。' or '！' or '？' || _rest.Length == Longest)
                yield return Take();
        }
    }

    /// <summary>The end of the text, which may be an incomplete sentence or none.</summary>
    public string Flush() => Take();

    private static bool IsEnd(char c) => c is '.' or '!' or '?' or '…';

    private string Take()
    {
        string sentence = _rest.ToString();
        Completed += sentence.Length;
        _rest.Clear();
        return sentence;
    }
}

using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Codec;

/// <summary>What a template wrote, as tokens, with their places in the text.</summary>
internal sealed class MarkedEncoding
{
    private readonly string _text;
    private readonly Func<int, string, IReadOnlyList<int>> _encode;
    private readonly List<(TextSection Section, IReadOnlyList<int> Ids)> _sections;

    /// <param name="text">The text.</param>
    /// <param name="sections">Its marks and the text between them.</param>
    /// <param name="encode">Encodes a part of the text that begins at a place.</param>
    public MarkedEncoding(string text, IEnumerable<TextSection> sections, Func<int, string, IReadOnlyList<int>> encode)
    {
        (_text, _encode) = (text, encode);
        _sections = [.. sections.Select(s => (s, s.Token is { } token ? [token.Id] : encode(s.Start, text.Substring(s.Start, s.Length))))];
    }

    public int[] Ids => [.. _sections.SelectMany(s => s.Ids)];

    /// <summary>The marks: where each begins and ends without the whitespace that it takes, and its id.</summary>
    public IEnumerable<(int Start, int End, int Id)> Marks
    {
        get
        {
            foreach ((TextSection section, _) in _sections)
            {
                if (section.Token is not { } token)
                    continue;
                int start = _text.IndexOf(token.Content, section.Start, StringComparison.Ordinal);
                yield return (start, start + token.Content.Length, token.Id);
            }
        }
    }

    /// <summary>The tokens of the text before a place: those that its encoding alone shares with that of the whole.</summary>
    public int TokensBefore(int place)
    {
        int count = 0;
        foreach ((TextSection section, IReadOnlyList<int> ids) in _sections)
        {
            if (place >= section.Start + section.Length)
            {
                count += ids.Count;
                continue;
            }

            if (place <= section.Start)
                break;
            return section.Token is not null ? count + 1 : count + Shared(ids, section.Start, place);
        }

        return count;
    }

    private int Shared(IReadOnlyList<int> ids, int start, int place)
    {
        IReadOnlyList<int> alone = _encode(start, _text[start..place]);
        int shared = 0;
        while (shared < Math.Min(alone.Count, ids.Count) && alone[shared] == ids[shared])
            shared++;
        return shared;
    }
}

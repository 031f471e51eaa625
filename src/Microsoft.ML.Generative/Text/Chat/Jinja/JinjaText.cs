using System.Text;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A text that knows which of its characters the template wrote, and which come from which variable.</summary>
internal sealed class JinjaText
{
    /// <summary>The source of what the template writes.</summary>
    public const int Template = 0;

    private readonly Run[] _runs;

    private JinjaText(string value, Run[] runs) => (Value, _runs) = (value, runs);

    public static JinjaText Empty { get; } = new("", []);

    public string Value { get; }

    public int Length => Value.Length;

    /// <summary>Ranges of characters with one source, in their order.</summary>
    public IEnumerable<(int Start, int Length, int Source)> Runs
    {
        get
        {
            int start = 0;
            foreach (Run run in _runs)
            {
                yield return (start, run.Length, run.Source);
                start += run.Length;
            }
        }
    }

    public static JinjaText Of(string value, int source = Template) =>
        value.Length == 0 ? Empty : new JinjaText(value, [new Run(value.Length, source)]);

    public JinjaText Slice(int start, int length)
    {
        if (length == 0)
            return Empty;
        if (length == Length)
            return this;
        var slice = new Builder();
        slice.Append(this, start, length);
        return slice.ToText();
    }

    /// <summary>The text with each character replaced by a text.</summary>
    public JinjaText Map(Func<Rune, int, string> map)
    {
        var mapped = new Builder();
        foreach ((int start, int length, int source) in Runs)
        {
            int position = start;
            foreach (Rune rune in Value.AsSpan(start, length).EnumerateRunes())
            {
                mapped.Append(map(rune, position), source);
                position += rune.Utf16SequenceLength;
            }
        }

        return mapped.ToText();
    }

    /// <summary>The text without the characters at its ends for which the condition holds.</summary>
    public JinjaText Trim(Func<char, bool> condition, bool start, bool end)
    {
        int first = 0, last = Length;
        while (start && first < last && condition(Value[first]))
            first++;
        while (end && last > first && condition(Value[last - 1]))
            last--;
        return Slice(first, last - first);
    }

    public override string ToString() => Value;

    private readonly record struct Run(int Length, int Source);

    /// <summary>Puts texts together.</summary>
    public sealed class Builder
    {
        private readonly StringBuilder _text = new();
        private readonly List<Run> _runs = [];

        public int Length => _text.Length;

        public Builder Append(string text, int source = Template)
        {
            _text.Append(text);
            Add(new Run(text.Length, source));
            return this;
        }

        public Builder Append(JinjaText text)
        {
            _text.Append(text.Value);
            foreach (Run run in text._runs)
                Add(run);
            return this;
        }

        public Builder Append(JinjaText text, int start, int length)
        {
            _text.Append(text.Value, start, length);
            int end = start + length, position = 0;
            foreach (Run run in text._runs)
            {
                int from = Math.Max(position, start), to = Math.Min(position + run.Length, end);
                if (to > from)
                    Add(run with { Length = to - from });
                position += run.Length;
            }

            return this;
        }

        public JinjaText ToText() => _text.Length == 0 ? Empty : new JinjaText(_text.ToString(), [.. _runs]);

        private void Add(Run run)
        {
            if (run.Length == 0)
                return;
            if (_runs is [.., var last] && last.Source == run.Source)
                _runs[^1] = last with { Length = last.Length + run.Length };
            else
                _runs.Add(run);
        }
    }
}

namespace Microsoft.ML.Generative.Text.Decoding.Scheduling;

/// <summary>A stream of a session: the text that has it, and what it still holds when none has.</summary>
internal sealed class SessionStream
{
    /// <summary>The text; null while the stream is free.</summary>
    public ScheduledText? Text { get; private set; }

    /// <summary>The tokens that it holds of the text before, while it is free.</summary>
    public int[] Kept { get; private set; } = [];

    /// <summary>When a text left it; later ones are higher.</summary>
    public long LastUse { get; private set; }

    /// <summary>Whether it is free and holds something.</summary>
    public bool IsKept => Text is null && Kept.Length > 0;

    public void Enter(ScheduledText text) => Text = text;

    // The next prompt may begin with this text, as that of the next turn of a conversation does.
    public void Leave(long now)
    {
        Kept = Text!.First == 0 ? [.. Text.Stream.Tokens.Take(Text.Held)] : [];
        Text = null;
        LastUse = now;
    }

    public void Forget() => Kept = [];

    /// <summary>Tokens at the beginning of a text that the stream holds.</summary>
    public int CommonLength(ScheduledText text)
    {
        if (Text is null)
            return CommonLength(Kept, text.Stream.Tokens);
        return Text == text || Text.First > 0 ? 0 : Math.Min(Text.Held, CommonLength(Text.Stream.Tokens, text.Stream.Tokens));
    }

    public static int CommonLength(IReadOnlyList<int> a, IReadOnlyList<int> b)
    {
        int count = Math.Min(a.Count, b.Count), common = 0;
        while (common < count && a[common] == b[common])
            common++;
        return common;
    }
}

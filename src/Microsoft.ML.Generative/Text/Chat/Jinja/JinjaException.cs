namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>A template that cannot be read, or that fails or refuses while it runs.</summary>
internal sealed class JinjaException : Exception
{
    public JinjaException(string message)
        : base(message)
    {
    }

    public JinjaException(string message, int line)
        : base($"line {line}: {message}")
    {
        HasLine = true;
    }

    public JinjaException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Whether the message names the line.</summary>
    public bool HasLine { get; }
}

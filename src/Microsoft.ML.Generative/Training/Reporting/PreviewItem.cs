namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>One item of a preview. A new kind of item is a class of its own, which knows how it is shown.</summary>
/// <param name="name">What it shows, such as "samples"; part of file names.</param>
internal abstract class PreviewItem(string name)
{
    public string Name => name;

    /// <summary>The extension of its files, with the dot.</summary>
    public abstract string Extension { get; }

    /// <summary>Its line in the log, or <see langword="null"/> if it is not text.</summary>
    public virtual string? LogLine => null;

    /// <summary>The bytes of its file.</summary>
    public abstract byte[] ToFile();

    /// <summary>Adds it to what TensorBoard shows of a step.</summary>
    public abstract void AddTo(EventSummary summary);
}

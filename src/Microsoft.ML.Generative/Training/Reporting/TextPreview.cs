using System.Text;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>A text.</summary>
/// <param name="name">What it shows, such as "sample".</param>
/// <param name="text">The text.</param>
internal sealed class TextPreview(string name, string text) : PreviewItem(name)
{
    public override string Extension => ".txt";

    public override string? LogLine => text;

    public override byte[] ToFile() => Encoding.UTF8.GetBytes(text);

    public override void AddTo(EventSummary summary) => summary.Add($"texts/{Name}", text);
}

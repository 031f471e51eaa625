namespace Microsoft.ML.Generative;

/// <summary>How far the download of one file of a data set or of a model has come.</summary>
/// <param name="FileName">Path of the file in the folder of the data set or model, such as <c>unet/config.json</c>.</param>
/// <param name="BytesReceived">Bytes on disk so far, those of an earlier, interrupted download included.</param>
/// <param name="TotalBytes">Bytes of the whole file.</param>
/// <example>
/// <code>
/// var progress = new Progress&lt;DownloadProgress&gt;(p =&gt;
///     Console.WriteLine($"{p.FileName}: {100.0 * p.BytesReceived / p.TotalBytes:F0} %"));
/// var mnist = mlContext.Generative().Datasets.Mnist(progress);
/// </code>
/// </example>
public readonly record struct DownloadProgress(string FileName, long BytesReceived, long TotalBytes);

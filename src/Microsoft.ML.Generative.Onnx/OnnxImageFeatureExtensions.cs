using Microsoft.ML.Generative.Onnx.Features;

namespace Microsoft.ML.Generative.Evaluation;

/// <summary>Networks in ONNX files as what images are compared by.</summary>
public static class OnnxImageFeatureExtensions
{
    extension(ImageFeatureExtractor)
    {
        /// <summary>What a network in an ONNX file makes of images, such as an Inception network for published distances.</summary>
        /// <param name="path">The file.</param>
        /// <param name="options">
        /// How the images are handed to it. Where they say nothing, images are brought to the size that the file asks for.
        /// </param>
        /// <param name="outputName">The output that has the features. Default: the only one.</param>
        /// <remarks>
        /// It takes one tensor [batch, channels, height, width] of Single and makes one of [batch, ..]. It runs on the CPU with ONNX
        /// Runtime, whose native library the application brings: the NuGet package Microsoft.ML.OnnxRuntime.
        /// </remarks>
        /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
        /// <example>
        /// <code>
        /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
        /// IDataView generated = model.Generate(5_000);
        /// ImageGenerationMetrics metrics = mlContext.Generative().EvaluateImages(testData, generated, new ImageEvaluationOptions
        /// {
        ///     Features = ImageFeatureExtractor.Onnx(
        ///         "inception.onnx", new() { Mean = [0.485f, 0.456f, 0.406f], StandardDeviation = [0.229f, 0.224f, 0.225f] }),
        /// });
        /// </code>
        /// </example>
        public static ImageFeatureExtractor Onnx(string path, ImageFeatureOptions? options = null, string? outputName = null)
        {
            ArgumentException.ThrowIfNullOrWhiteSpace(path);
            return new OnnxFeatures(path, (options ?? new ImageFeatureOptions()).Checked(), outputName);
        }
    }
}

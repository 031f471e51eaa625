using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Images.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Onnx.Features;

/// <summary>Runs an ONNX file on images, on the CPU.</summary>
internal sealed class OnnxFeatures(string path, ImageFeatureOptions options, string? outputName) : FileFeatures(path)
{
    protected override FeatureComputation OpenFile(torch.Device device)
    {
        InferenceSession session = Load();
        try
        {
            OnnxNetwork network = Inspect(session);
            return new FeatureComputation(torch.CPU, rows => Run(network, network.Options.Prepare(rows)), session);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private InferenceSession Load()
    {
        try
        {
            using var settings = new SessionOptions { IntraOpNumThreads = get_num_threads() };
            return new InferenceSession(FilePath, settings);
        }
        catch (OnnxRuntimeException e)
        {
            throw CannotBeLoaded("ONNX", e);
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException)
        {
            throw new InvalidOperationException(
                "The native library of ONNX Runtime was not found. Add the NuGet package Microsoft.ML.OnnxRuntime "
                + $"{typeof(InferenceSession).Assembly.GetName().Version?.ToString(3)} to the application.", e);
        }
    }

    private OnnxNetwork Inspect(InferenceSession session)
    {
        (string? input, NodeMetadata? takes) = session.InputMetadata.FirstOrDefault();
        if (session.InputMetadata.Count != 1 || takes.ElementType != typeof(float) || takes.Dimensions is not [_, <= 4, _, _])
            throw new InvalidDataException(
                $"'{FilePath}' takes {string.Join(", ", session.InputMetadata.Select(i => Describe(i.Key, i.Value)))}; expected one input, "
                + "Single[batch, channels, height, width] of 1 to 4 channels.");
        string[] outputs = [.. session.OutputMetadata.Keys];
        string output = outputName ?? (outputs.Length == 1 ? outputs[0] : throw new ArgumentException(
            $"'{FilePath}' has the outputs {string.Join(", ", outputs)}; name one of them."));
        if (!session.OutputMetadata.TryGetValue(output, out NodeMetadata? makes))
            throw new ArgumentException($"'{FilePath}' has no output '{output}'; expected {string.Join(" or ", outputs)}.");
        if (makes.ElementType != typeof(float))
            throw new InvalidDataException($"'{FilePath}' makes {Describe(output, makes)}; expected Single[batch, features].");

        // What the file leaves open is −1.
        int[] shape = takes.Dimensions;
        int? Asked(int dimension) => shape[dimension] > 0 ? shape[dimension] : null;
        return new OnnxNetwork(session, input, output, Asked(0), options.Or(Asked(1), Asked(2), Asked(3)));
    }

    private Tensor Run(OnnxNetwork network, Tensor images)
    {
        long count = images.size(0), atOnce = network.Batch ?? count;
        List<Tensor> features = [];
        for (long start = 0; start < count; start += atOnce)
        {
            long rows = Math.Min(atOnce, count - start);
            Tensor batch = images.narrow(0, start, rows);
            // A file of a fixed batch gets its last image again.
            if (rows < atOnce)
                batch = cat([batch, batch.narrow(0, rows - 1, 1).expand(atOnce - rows, -1, -1, -1)], 0);
            features.Add(Checked(RunBatch(network, batch), atOnce).narrow(0, 0, rows));
        }

        return cat(features, 0);
    }

    private Tensor RunBatch(OnnxNetwork network, Tensor images)
    {
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(TensorMemory.ToArray<float>(images.contiguous()), images.shape);
        try
        {
            using var settings = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs = network.Session.Run(
                settings, [network.Input], [input], [network.Output]);
            OrtValue output = outputs[0];
            return tensor(output.GetTensorDataAsSpan<float>().ToArray(), output.GetTensorTypeAndShape().Shape);
        }
        catch (OnnxRuntimeException e)
        {
            throw CannotCompute(images, e);
        }
    }

    private static string Describe(string name, NodeMetadata node)
    {
        IEnumerable<string> dimensions = (node.Dimensions ?? []).Select(d => d < 0 ? "?" : d.ToString());
        return $"{name}: {node.ElementType?.Name ?? node.OnnxValueType.ToString()}[{string.Join(", ", dimensions)}]";
    }

    /// <param name="Session">The file, loaded.</param>
    /// <param name="Input">The input's name.</param>
    /// <param name="Output">The output's name.</param>
    /// <param name="Batch">Images at once, where the file fixes it.</param>
    /// <param name="Options">The user's, and what the file asks for where they say nothing.</param>
    private sealed record OnnxNetwork(InferenceSession Session, string Input, string Output, int? Batch, ImageFeatureOptions Options);
}

using TorchSharp;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>Every kind of model trains, generates, is saved and resumed on a device as on the CPU.</summary>
internal static class TrainingChecks
{
    // Of results of the same weights on two devices, and of weights of the same training twice.
    private const double Tolerance = 1e-3;
    private const double BFloat16Tolerance = 0.1;

    /// <summary>Trains beside the CPU, generates, and moves the model to the CPU.</summary>
    public static object Train(Family family)
    {
        using IDisposable exact = Exactly();
        SortedDictionary<long, double> here = [], there = [];
        MLContext device = Outputs.Context(), cpu = Outputs.Context(onCpu: true);
        using var model = (IDisposable)family.Fit(device, _ => { }, here);
        (float[] numbers, string[] texts) = Outputs.Read(family.Generate((ITransformer)model));
        if (numbers.Length + texts.Length == 0 || numbers.Any(n => !float.IsFinite(n)))
            throw new CheckFailedException($"It generated {numbers.Length} numbers and {texts.Length} texts, or some that are not finite.");

        ((IDisposable)family.Fit(cpu, _ => { }, there)).Dispose();
        double loss = here.Max(h => Math.Abs(h.Value - there[h.Key]) / Math.Max(1e-2, Math.Abs(there[h.Key])));
        IDataView data = family.Rows(device);
        using var moved = (IDisposable)Move((ITransformer)model, data, device, cpu);
        (float[] ofDevice, string[] textsOfDevice) = Outputs.Read(((ITransformer)model).Transform(data), data);
        (float[] ofCpu, string[] textsOfCpu) = Outputs.Read(((ITransformer)moved).Transform(data), data);
        double difference = Outputs.Difference(ofDevice, ofCpu);
        int sameTexts = textsOfDevice.Zip(textsOfCpu).Count(t => t.First == t.Second);
        var figures = new
        {
            losses = here.Values.Select(v => Math.Round(v, 5)),
            losses_on_cpu = there.Values.Select(v => Math.Round(v, 5)),
            loss_difference = loss,
            outputs = ofDevice.Length,
            output_difference = difference,
            texts = textsOfDevice.Length,
            same_texts = sameTexts,
        };
        if (!(loss <= family.LossTolerance) || !(difference <= Tolerance) || sameTexts < 0.9 * textsOfDevice.Length)
            throw new CheckFailedException("The device and the CPU differ.", figures);
        return figures;
    }

    /// <summary>The losses stay near those of Float32.</summary>
    public static object TrainInBFloat16(Family family)
    {
        SortedDictionary<long, double> half = [], full = [];
        MLContext device = Outputs.Context();
        using var model = (IDisposable)family.Fit(device, o => o.Precision = ComputePrecision.BFloat16, half);
        ((IDisposable)family.Fit(device, _ => { }, full)).Dispose();
        double loss = half.Max(h => Math.Abs(h.Value - full[h.Key]) / Math.Max(1e-1, Math.Abs(full[h.Key])));
        var figures = new { losses = half.Values.Select(v => Math.Round(v, 5)), loss_difference = loss };
        if (!(loss <= Math.Max(BFloat16Tolerance, family.LossTolerance)))
            throw new CheckFailedException("BFloat16 differs from Float32.", figures);
        return figures;
    }

    /// <summary>A training that is interrupted and resumed ends with the weights of one that is not.</summary>
    public static object Resume(Family family)
    {
        using IDisposable exact = Exactly();
        string folder = Directory.CreateTempSubdirectory("gpu-check").FullName;
        try
        {
            MLContext device = Outputs.Context();
            using var whole = (IDisposable)family.Fit(device, _ => { });
            using var again = (IDisposable)family.Fit(device, _ => { });
            using var stop = new CancellationTokenSource();
            try
            {
                ((IDisposable)family.Fit(device, o =>
                {
                    o.Checkpoints = new CheckpointOptions(folder) { Steps = 1 };
                    o.CancellationToken = stop.Token;
                    o.Progress = new Reports(report =>
                    {
                        if (report.Step >= Family.Steps / 2)
                            stop.Cancel();
                    });
                })).Dispose();
                throw new CheckFailedException("A training that was canceled went on.");
            }
            catch (OperationCanceledException)
            {
                // As it should.
            }

            long first = 0;
            using var resumed = (IDisposable)family.Fit(device, o =>
            {
                o.Checkpoints = new CheckpointOptions(folder) { Steps = 1 };
                o.Progress = new Reports(report => first = first == 0 ? report.Step : first);
            });
            IDataView data = family.Rows(device);
            float[] expected = Outputs.Read(((ITransformer)whole).Transform(data), data).Numbers;
            float[] repeated = Outputs.Read(((ITransformer)again).Transform(data), data).Numbers;
            float[] found = Outputs.Read(((ITransformer)resumed).Transform(data), data).Numbers;
            double difference = Weights(whole, resumed);
            var figures = new
            {
                first_step = first,
                weight_difference = difference,
                weight_difference_of_two_alike = Weights(whole, again),
                output_difference = Outputs.Difference(expected, found),
                output_difference_of_two_alike = Outputs.Difference(expected, repeated),
            };
            if (!(difference <= Tolerance) || first <= Family.Steps / 2)
                throw new CheckFailedException("The resumed training differs from an undisturbed one.", figures);
            return figures;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Loads what was saved on another device.
    internal static ITransformer Move(ITransformer model, IDataView data, MLContext from, MLContext to)
    {
        string file = Path.GetTempFileName();
        try
        {
            from.Model.Save(model, data.Schema, file);
            return to.Model.Load(file, out _);
        }
        finally
        {
            File.Delete(file);
        }
    }

    // Convolutions of libtorch round their factors on a GPU, as PyTorch's do, unless they are told not to.
    private static Undo Exactly()
    {
        bool before = torch.backends.cudnn.allow_tf32;
        torch.backends.cudnn.allow_tf32 = false;
        return new Undo(() => torch.backends.cudnn.allow_tf32 = before);
    }

    // Weights are compared through the files of the models.
    private static double Weights(IDisposable left, IDisposable right) =>
        Outputs.Difference(ModelWeights.Read((ITransformer)left), ModelWeights.Read((ITransformer)right));

    private sealed class Undo(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Float32 against BFloat16 on real images: steps per second and the loss after the same steps, for the MLP VAE and a convolutional one.
/// </summary>
internal static class PrecisionWorkload
{
    private const int Epochs = 2;

    public static object Run(BenchmarkSettings settings)
    {
        var ml = new MLContext(seed: 1);
        DataOperationsCatalog.TrainTestData data =
            settings.Data == "mnist" ? ml.Generative().Datasets.Mnist() : ml.Generative().Datasets.FashionMnist();

        object Measure(VaeNetworkKind architecture)
        {
            var results = new Dictionary<ComputePrecision, (double StepsPerSecond, double Elbo)>();
            foreach (ComputePrecision precision in (ComputePrecision[])[ComputePrecision.Float32, ComputePrecision.BFloat16])
            {
                VaeOptions options = ElboWorkload.Reference();
                options.Network = architecture;
                options.Precision = precision;
                options.Threads = settings.Threads;
                options.Epochs = architecture == VaeNetworkKind.Mlp ? Epochs : 1;
                if (architecture == VaeNetworkKind.Convolutional)
                    options.MaxSteps = 200;
                var clock = new StepClock();
                options.Progress = clock;
                using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(data.TrainSet);
                results[precision] = (clock.StepsPerSecond, ml.Generative().EvaluateVae(model.Transform(data.TestSet)).NegativeElbo);
            }

            (double f32Speed, double f32Elbo) = results[ComputePrecision.Float32];
            (double bf16Speed, double bf16Elbo) = results[ComputePrecision.BFloat16];
            return new
            {
                f32_steps_per_s = Math.Round(f32Speed, 1),
                bf16_steps_per_s = Math.Round(bf16Speed, 1),
                speedup = Math.Round(bf16Speed / f32Speed, 2),
                f32_test_negative_elbo = Math.Round(f32Elbo, 2),
                bf16_test_negative_elbo = Math.Round(bf16Elbo, 2),
            };
        }

        return new
        {
            workload = "precision",
            data = settings.Data,
            mlp = Measure(VaeNetworkKind.Mlp),
            convolutional = Measure(
            VaeNetworkKind.Convolutional)
        };
    }
}

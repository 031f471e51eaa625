namespace Module02;

/// <summary>The training loop, written out.</summary>
internal static class Training
{
    /// <summary>Trains an MLP; always in the same order of images.</summary>
    /// <returns>The loss of each batch.</returns>
    public static List<double> Run(Lesson lesson, Mlp network, IOptimizer optimizer)
    {
        const int batchSize = 50;
        int epochs = lesson.Quick ? 4 : 5;
        List<double> losses = [];
        int[] order = [.. Enumerable.Range(0, lesson.TrainVectors.Length)];
        var random = new Random(2);
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(order);
            foreach (int[] batch in order.Chunk(batchSize))
            {
                lesson.Cancellation.ThrowIfCancellationRequested();
                var (loss, gradient) = network.Backward(
                    [.. batch.Select(i => lesson.TrainVectors[i])], [.. batch.Select(i => lesson.TrainLabels[i])]);
                optimizer.Step(network.Weights, gradient);
                losses.Add(loss);
            }
        }

        return losses;
    }
}

using TorchSharp;

namespace Module03;

/// <summary>
/// A linear classifier's loss: the mean cross-entropy of softmax(X·W) for labeled digits, and its gradient in two ways.
/// </summary>
internal sealed class SoftmaxLayer(float[][] images, int[] labels)
{
    /// <summary>The loss in nats. W is 784×10, row by row.</summary>
    public double Loss(double[] w)
    {
        double loss = 0;
        foreach (var (image, label) in images.Zip(labels))
        {
            var scores = Scores<double>(image, w);
            var largest = scores.Max();
            loss += Math.Log(scores.Sum(s => Math.Exp(s - largest))) + largest - scores[label];
        }

        return loss / images.Length;
    }

    /// <summary>The same in single precision.</summary>
    public float Loss(float[] w)
    {
        float loss = 0;
        foreach (var (image, label) in images.Zip(labels))
        {
            var scores = Scores<float>(image, w);
            var largest = scores.Max();
            loss += MathF.Log(scores.Sum(s => MathF.Exp(s - largest))) + largest - scores[label];
        }

        return loss / images.Length;
    }

    /// <summary>By the formula: Xᵀ·(softmax(X·W) − Y)/n, where Y is one-hot.</summary>
    public double[] GradientByFormula(double[] w)
    {
        var gradient = new double[w.Length];
        foreach (var (image, label) in images.Zip(labels))
        {
            var scores = Scores<double>(image, w);
            var largest = scores.Max();
            var weights = Array.ConvertAll(scores, s => Math.Exp(s - largest));
            var sum = weights.Sum();
            for (var digit = 0; digit < Lesson.Classes; digit++)
            {
                var difference = weights[digit] / sum - (digit == label ? 1 : 0);
                for (var pixel = 0; pixel < Lesson.Pixels; pixel++)
                    gradient[pixel * Lesson.Classes + digit] += image[pixel] * difference / images.Length;
            }
        }

        return gradient;
    }

    /// <summary>By libtorch, which records the operations of the loss and applies the chain rule backward.</summary>
    public double[] GradientByAutograd(double[] w)
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.tensor([.. images.SelectMany(image => image.Select(pixel => (double)pixel))], [images.Length, Lesson.Pixels]);
        var weight = torch.tensor(w, [Lesson.Pixels, Lesson.Classes], requires_grad: true);
        var loss = torch.nn.functional.cross_entropy(x.mm(weight), torch.tensor(Array.ConvertAll(labels, label => (long)label)));
        loss.backward();
        return weight.grad!.data<double>().ToArray();
    }

    private static T[] Scores<T>(float[] image, T[] w)
        where T : System.Numerics.IFloatingPoint<T>
    {
        var scores = new T[Lesson.Classes];
        for (var pixel = 0; pixel < Lesson.Pixels; pixel++)
        {
            if (image[pixel] == 0)
                continue;
            var value = T.CreateTruncating(image[pixel]);
            for (var digit = 0; digit < Lesson.Classes; digit++)
                scores[digit] += value * w[pixel * Lesson.Classes + digit];
        }

        return scores;
    }
}
